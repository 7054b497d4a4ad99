package diffusion

import (
	"context"

	"sdgo/sampler"
)

// inpaintOutside inpaints with a model that sees latents alone: it puts those of the
// image back outside the mask (Lugmayr et al. 2022, without resampling).
//
// https://arxiv.org/abs/2201.09865
type inpaintOutside struct {
	painting
	outside outside
}

func (t *inpaintOutside) start(ctx context.Context, r *run) (_ []float32, err error) {
	k := outside{painting: &t.painting, r: r}
	if k.clean, err = r.drawLatents(ctx, t.tensors()...); err != nil {
		return nil, err
	}
	if k.noise, err = r.initialNoise(ctx); err != nil {
		return nil, err
	}
	// Diffusers encodes the masked image for either kind of model: it takes noise from
	// the stream of the seed, which later noise must follow.
	r.drawNoise(ctx, make([]float32, len(k.noise)))
	t.outside = k
	return t.begin(ctx, r, k.clean, k.noise)
}

func (t *inpaintOutside) denoiser(r *run) (sampler.Denoiser, error) {
	denoise, err := r.denoiser(nil)
	if err != nil {
		return nil, err
	}
	return t.outside.around(denoise), nil
}

func (t *inpaintOutside) shown(ctx context.Context, x []float32, sigma float64, last bool) error {
	return t.outside.shown(ctx, x, sigma, last)
}
