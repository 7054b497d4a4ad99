package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// DPMPPSDE is k-diffusion's "dpmpp_sde": DPM-Solver++ (Lu et al. 2022b) of second
// order for the SDE, with a stage inside each step. It calls the denoiser twice a
// step, once on a step to zero.
//
// https://arxiv.org/abs/2211.01095
type DPMPPSDE struct {
	Eta    *float64  // share of noise that is fresh, 0 to 1. Nil means 1
	SNoise float64   // scale of the fresh noise. Zero means 1
	R      float64   // where in the step, in log σ, the stage is: in (0, 1]. Zero means 1/2
	Path   PathNoise // the noise. Nil means fresh noise each time
}

func (DPMPPSDE) name() string { return "dpmpp_sde" }

func (s DPMPPSDE) fit(c Solver) DPMPPSDE {
	return ofClass(s, s.Eta == nil && s.SNoise == 0 && s.R == 0 && s.Path == nil, c)
}

// Sample implements [Sampler].
func (s DPMPPSDE) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, eta, path, err := beginSDE(ctx, "dpmpp_sde", denoise, x, sigmas, s.Eta, noise, s.Path)
	if err != nil {
		return err
	}
	if s.R == 0 {
		s.R = 0.5
	}
	if !(s.R > 0 && s.R <= 1) {
		return fmt.Errorf("sampler: dpmpp_sde: r: have %g, want more than 0 and at most 1", s.R)
	}
	first, stage, fresh := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	add := func(x []float32, from, to, up float64) {
		if up > 0 {
			path(fresh, from, to)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		if next == 0 {
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
			continue
		}
		copy(first, est.Denoised)
		mid := sigma * math.Pow(next/sigma, s.R)
		down, up := ancestralStep(sigma, mid, eta)
		eulerStep(ctx, stage, x, first, sigma, down)
		add(stage, sigma, mid, up)
		if est, err = denoise(ctx, stage, mid); err != nil {
			return stepError(i, mid, err)
		}

		w := 1 / (2 * s.R)
		mix(ctx, first, 1-w, first, w, est.Denoised)
		down, up = ancestralStep(sigma, next, eta)
		eulerStep(ctx, x, x, first, sigma, down)
		add(x, sigma, next, up)
	}
	return ctx.Err()
}
