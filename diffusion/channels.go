package diffusion

import (
	"context"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/nn"
	"sdgo/sampler"
)

// ChannelsToImage makes pictures with a model whose U-Net reads more channels than the
// latents have: conditioning by concatenation (Rombach et al. 2022, section 4.3.2), by a
// semantic map, say, or the latents of another picture. Channels are [1 C h w] for all
// images, or [Images C h w], in the size of the latents and in the terms that the model was
// trained with; they follow the latents, and the picture has their size times the VAE's
// factor. They are copied. The prompt is empty for a model that reads no text. See
// [OneHotChannels], vae.VAE.Encode and TextToImage.
//
// https://arxiv.org/abs/2112.10752
func (p *Pipeline) ChannelsToImage(ctx context.Context, prompt string, channels *tensor.Dense, o *Options) (*Result, error) {
	return p.do(ctx, &channelsToImage{given: channels}, prompt, o)
}

// channelsToImage begins with noise alone, beside which there are channels.
type channelsToImage struct {
	textToImage
	given *tensor.Dense

	extra [][]float32 // [C h w] of each image
}

func (*channelsToImage) about() about {
	return about{name: "channels-to-image", textless: textOrNot} // any U-Net with more channels
}

func (t *channelsToImage) prepare(r *run) ([]*source, error) {
	more := r.UNet.Config.InChannels - r.VAE.Config.LatentChannels
	if _, err := nn.Floats("diffusion: channels", t.given, -1, more, -1, -1); err != nil {
		return nil, err
	}
	shape, factor := t.given.Shape(), r.VAE.Config.Factor()
	if shape[0] != 1 && shape[0] != r.Images {
		return nil, fmt.Errorf("diffusion: channels: have %v for %d images, want 1 or %d first", []int(shape), r.Images, r.Images)
	}
	if shape[2] > maxSide/factor || shape[3] > maxSide/factor {
		return nil, fmt.Errorf("diffusion: channels: have %v, want sides up to %d", []int(shape), maxSide/factor)
	}
	width, height := factor*shape[3], factor*shape[2]
	for _, side := range []struct {
		name       string
		have, want int
	}{{"Width", r.Width, width}, {"Height", r.Height, height}} {
		if side.have != 0 && side.have != side.want {
			return nil, badOption(side.name, "have %d, want 0 or %d, as the channels %v say", side.have, side.want, []int(shape))
		}
	}
	r.own += 4 * int64(t.given.DataSize())
	return nil, r.prepare(width, height)
}

func (t *channelsToImage) read(_ context.Context, r *run) error {
	x := slices.Clone(t.given.Float32s())
	if err := checkFinite("channels", x); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	r.note("channels", x)
	size := len(x) / t.given.Shape()[0]
	for i := range r.Images {
		from := min(i*size, len(x)-size)
		t.extra = append(t.extra, x[from:from+size])
	}
	return nil
}

// denoiser gives the U-Net the channels beside the latents.
func (t *channelsToImage) denoiser(r *run) (sampler.Denoiser, error) { return r.denoiser(t.extra) }

// wantMore wants a U-Net that reads more than latents.
func (p *Pipeline) wantMore() error {
	have, latents := p.UNet.Config.InChannels, p.VAE.Config.LatentChannels
	if have > latents {
		return nil
	}
	return fmt.Errorf("diffusion: the U-Net has %d input channels (in_channels), as many as the latents, want more for the channels", have)
}
