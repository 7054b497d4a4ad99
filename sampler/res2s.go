package sampler

import (
	"cmp"
	"context"
	"math"
)

// Res2S is the single-step method of second order of refined exponential solvers
// (Zhang et al. 2023, Algorithm 1 with c₂ = 1/2), to below the next level, with fresh
// noise up to it, as in stable-diffusion.cpp. It calls the denoiser twice a step,
// once on a step to zero.
//
// https://arxiv.org/abs/2308.02157
type Res2S struct {
	Eta    float64 // share of noise that is fresh, 0 to 1
	SNoise float64 // scale of the fresh noise. Zero means 1
}

func (Res2S) name() string { return "res_2s" }

// Sample implements [Sampler].
func (s Res2S) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "res_2s", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := checkEta("res_2s", s.Eta, noise); err != nil {
		return err
	}
	const c2 = 0.5
	estimates := newHistory(2, len(x)) // at the start and at the stage
	stage, fresh := make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma := sigmas[i]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		down, up := ancestralStep(sigma, sigmas[i+1], s.Eta)
		switch down {
		case 0:
			copy(x, est.Denoised)
			continue
		case sigma:
			continue
		}
		copy(estimates[0], est.Denoised)
		h := math.Log(sigma / down)
		middle := sigma * math.Exp(-c2*h)
		eulerStep(ctx, stage, x, est.Denoised, sigma, middle)
		if est, err = denoise(ctx, stage, middle); err != nil {
			return stepError(i, middle, err)
		}
		copy(estimates[1], est.Denoised)
		b2 := phi2(h) / c2
		combine(ctx, x, math.Exp(-h), []float64{-math.Expm1(-h) - b2, b2}, estimates)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	return ctx.Err()
}
