package diffusion

import (
	"context"

	"sdgo/sampler"
)

// outside puts the latents of images back outside of masks.
type outside struct {
	*painting
	r            *run
	clean, noise []float32 // latents [Images 4 h w], and the noise to add to them
}

// around puts the clean latents, with noise of the level of the call, back before every
// call. The run's first x is left as it is.
func (k *outside) around(denoise sampler.Denoiser) sampler.Denoiser {
	started, first := false, k.r.schedule.Sigmas[0]
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		if started || sigma != first {
			if err := k.putBack(ctx, x, sigma); err != nil {
				return sampler.Estimate{}, err
			}
		}
		started = true
		return denoise(ctx, x, sigma)
	}
}

// shown puts the latents back after a step: clean ones after the last.
func (k *outside) shown(ctx context.Context, x []float32, sigma float64, last bool) error {
	if !last {
		return k.putBack(ctx, x, sigma)
	}
	scale := float32(k.r.schedule.Scale(sigma))
	return k.blend(ctx, x, 0, func(i int) float32 { return k.clean[i] / scale })
}

// putBack puts the latents with noise of a level into x.
func (k *outside) putBack(ctx context.Context, x []float32, sigma float64) error {
	s := float32(sigma)
	return k.blend(ctx, x, k.left(sigma), func(i int) float32 { return k.clean[i] + float32(s*k.noise[i]) })
}

// left is the share of the run that is left at a noise level, in the model's time: 1 at its
// first call and 0 at the last.
func (k *outside) left(sigma float64) float64 {
	s := k.r.schedule
	first, last := s.Timestep(s.Sigmas[0]), s.Timestep(s.Sigmas[max(len(s.Sigmas)-2, 0)])
	if !(first > last) || sigma <= 0 {
		return 0
	}
	return min(max((s.Timestep(sigma)-last)/(first-last), 0), 1)
}

// blend puts keep into x [Images C h w] where a mask does not say otherwise while a share
// of the run is left. It looks at ctx between images.
func (k *outside) blend(ctx context.Context, x []float32, left float64, keep func(i int) float32) error {
	size := len(x) / k.r.Images
	for i := range k.r.Images {
		if err := ctx.Err(); err != nil {
			return err
		}
		blend(x[i*size:(i+1)*size], k.at(i).area.free(left), func(j int) float32 { return keep(i*size + j) })
	}
	return nil
}

// blend puts keep outside the mask cells [H W] into x [C H W].
func blend(x, cells []float32, keep func(i int) float32) {
	for i := range x {
		m := cells[i%len(cells)]
		x[i] = float32((1-m)*keep(i)) + float32(m*x[i])
	}
}
