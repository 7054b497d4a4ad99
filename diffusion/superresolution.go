package diffusion

import (
	"context"
	"fmt"
	"image"
	"slices"

	"sdgo/sampler"
)

// SuperResolution enlarges an image by the VAE's factor, mostly 4, with a model that reads
// a small picture beside the latents and no text: diffusers' LDMSuperResolutionPipeline
// (Rombach et al. 2022, section 4.4). The image is rounded down to multiples of 32 pixels
// with Lanczos' filter, or resized to what Options.Width and Height divided by the factor
// are; its transparency is ignored. Steps zero means 100. It is read as by ImageToImage.
// Unlike in diffusers a scheduler of Karras's levels, such as Euler's, does not scale the
// image by the noise level.
//
// https://arxiv.org/abs/2112.10752
func (p *Pipeline) SuperResolution(ctx context.Context, img image.Image, o *Options) (*Result, error) {
	return p.do(ctx, &superResolving{img: img}, "", o)
}

// superResolving begins with noise, beside which there is a small picture.
type superResolving struct {
	textToImage
	img image.Image // the caller's

	small *source
	extra []float32 // [3 h w]
}

func (*superResolving) about() about {
	return about{name: "super-resolution", textless: textlessOnly}
}

// smallUnit is what the sides of a small picture are multiples of.
const smallUnit = 32

func (t *superResolving) prepare(r *run) (_ []*source, err error) {
	if !r.smallPicture() {
		return nil, fmt.Errorf("diffusion: the U-Net has %d input channels (in_channels), want %d for super-resolution: the latents' and 3 of a small picture",
			r.UNet.Config.InChannels, r.VAE.Config.LatentChannels+3)
	}
	if t.small, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	factor := r.VAE.Config.Factor()
	width, height := t.small.width/smallUnit*smallUnit, t.small.height/smallUnit*smallUnit
	if r.Width == 0 && width == 0 || r.Height == 0 && height == 0 {
		return nil, tooSmall(t.small.width, t.small.height, smallUnit)
	}
	return []*source{t.small}, r.prepare(factor*width, factor*height)
}

func (t *superResolving) read(ctx context.Context, r *run) error {
	p, err := resize(ctx, t.small.rgb(ctx), r.w, r.h).collect()
	if err != nil {
		return err
	}
	r.note("image", p.pix)
	t.extra, err = p.tensor(ctx)
	return err
}

// denoiser gives the U-Net the small picture beside the latents.
func (t *superResolving) denoiser(r *run) (sampler.Denoiser, error) {
	return r.denoiser(slices.Repeat([][]float32{t.extra}, r.Images))
}
