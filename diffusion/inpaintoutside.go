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
	clean, noise []float32                   // latents [Images 4 h w], and the noise to add to them
	scale        func(sigma float64) float64 // of the schedule
}

func (t *inpaintOutside) start(ctx context.Context, r *run) (_ []float32, err error) {
	if t.clean, err = r.drawLatents(ctx, t.pixels); err != nil {
		return nil, err
	}
	if t.noise, err = r.initialNoise(ctx); err != nil {
		return nil, err
	}
	// Diffusers encodes the masked image for either kind of model: it takes noise from
	// the stream of the seed, which later noise must follow.
	r.drawNoise(ctx, make([]float32, len(t.noise)))
	t.scale = r.schedule.Scale
	return t.begin(ctx, r, t.clean, t.noise)
}

// denoiser puts the clean latents, with noise of the level of the call, back before
// every call. The run's first x is left as it is.
func (t *inpaintOutside) denoiser(r *run) (sampler.Denoiser, error) {
	denoise, err := r.denoiser(nil)
	if err != nil {
		return nil, err
	}
	started, first := false, r.schedule.Sigmas[0]
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		if started || sigma != first {
			if err := t.putBack(ctx, x, sigma); err != nil {
				return sampler.Estimate{}, err
			}
		}
		started = true
		return denoise(ctx, x, sigma)
	}, nil
}

// shown puts the latents back after a step: clean ones after the last.
func (t *inpaintOutside) shown(ctx context.Context, x []float32, sigma float64, last bool) error {
	if !last {
		return t.putBack(ctx, x, sigma)
	}
	scale := float32(t.scale(sigma))
	blend(x, t.area.cells, func(i int) float32 { return t.clean[i] / scale })
	return nil
}

// putBack puts the latents with noise of a level into x. It looks at ctx every few
// thousand numbers.
func (t *inpaintOutside) putBack(ctx context.Context, x []float32, sigma float64) error {
	s, size := float32(sigma), len(t.area.cells)
	for start := 0; start < len(x); start += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		blend(x[start:start+size], t.area.cells, func(i int) float32 { return t.clean[start+i] + float32(s*t.noise[start+i]) })
	}
	return nil
}

// blend puts keep outside the mask cells [H W] into x [N C H W].
func blend(x, cells []float32, keep func(i int) float32) {
	for i := range x {
		m := cells[i%len(cells)]
		x[i] = float32((1-m)*keep(i)) + float32(m*x[i])
	}
}
