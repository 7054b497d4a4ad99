package diffusion

import (
	"context"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/nn"
)

// LatentsToImage is [Pipeline.ImageToImage] from latents [1 4 H/8 W/8] of unit variance, as
// Result.Latents and Upscaler.Latents have them, or from as many as there are images, one
// for each. Nothing is encoded, and the seed's first noise is the one that is added, as in
// diffusers' image-to-image, whose image may be latents, too. Another picture size is an
// error. The latents are read during the call and must not change. A model that reads no text
// takes an empty prompt.
func (p *Pipeline) LatentsToImage(ctx context.Context, prompt string, latents *tensor.Dense, o *Options) (*Result, error) {
	return p.do(ctx, &latentsToImage{given: latents}, prompt, o)
}

// latentsToImage begins with latents and noise.
type latentsToImage struct {
	plain
	given *tensor.Dense // the caller's
}

func (*latentsToImage) about() about {
	return about{name: "image-to-image", inputs: []input{latentsAlone}, strength: 0.8, textless: textOrNot}
}

func (t *latentsToImage) prepare(r *run) ([]*source, error) {
	if r.DenoisingStart > 0 && r.Latents != nil {
		return nil, badOption("Latents", "have some beside a denoising start, want none: the run begins with the latents of the call (or give them to TextToImage)")
	}
	shape, err := t.shape(r)
	if err != nil {
		return nil, err
	}
	factor := r.VAE.Config.Factor()
	width, height := factor*shape[3], factor*shape[2]
	for _, side := range []struct {
		option     string
		have, want int
	}{{"Width", r.Width, width}, {"Height", r.Height, height}} {
		if side.have != 0 && side.have != side.want {
			return nil, badOption(side.option, "have %d for latents of %d×%d cells, want %d, or 0 (Upscaler.Latents makes them larger)", side.have, shape[3], shape[2], side.want)
		}
	}
	if err := r.shorten(); err != nil {
		return nil, err
	}
	return nil, r.prepare(width, height)
}

// shape wants latents of the model, for all images or for each.
func (t *latentsToImage) shape(r *run) (tensor.Shape, error) {
	want := r.VAE.Config.LatentChannels
	if _, err := nn.Floats("latents", t.given, -1, want, -1, -1); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	shape := t.given.Shape()
	if most := maxSide / r.VAE.Config.Factor(); shape[2] > most || shape[3] > most {
		return nil, fmt.Errorf("diffusion: latents: have %d×%d cells, want sides up to %d", shape[3], shape[2], most)
	}
	if n := shape[0]; n != 1 && n != r.Images {
		return nil, fmt.Errorf("diffusion: latents: have %d, want 1, or %d, one for each image", n, r.Images)
	}
	return shape, nil
}

func (t *latentsToImage) start(ctx context.Context, r *run) ([]float32, error) {
	x := t.given.Float32s()
	if err := checkFinite("latents", x); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	r.note("latents", x)
	clean := slices.Repeat(x, r.Images/t.given.Shape()[0])
	return r.noised(ctx, clean)
}
