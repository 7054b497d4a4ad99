package sampler

import (
	"cmp"
	"context"
	"math"
)

// DPM2 is k-diffusion's second-order sampler "dpm_2", inspired by DPM-Solver-2
// (Lu et al. 2022a): the midpoint rule with the middle taken in log σ. It calls
// the denoiser twice a step, once on a step to zero.
//
// https://arxiv.org/abs/2206.00927
type DPM2 struct {
	Churn Churn
}

func (DPM2) name() string { return "dpm2" }

func (s DPM2) fit(c Solver) DPM2 {
	return ofClass(s, s == DPM2{}, c)
}

// Sample implements [Sampler].
func (s DPM2) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "dpm2", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := s.Churn.check("dpm2", noise); err != nil {
		return err
	}
	steps := len(sigmas) - 1
	fresh, middle := make([]float32, len(x)), make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		sigma := s.Churn.lift(ctx, x, fresh, sigmas[i], steps, noise)
		mid := math.Sqrt(sigma * sigmas[i+1])
		if err := midpointStep(ctx, denoise, x, middle, i, sigma, mid, sigmas[i+1]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// DPM2Ancestral is [DPM2] to below the next level, with fresh noise up to it.
type DPM2Ancestral struct {
	Eta    *float64 // share of noise that is fresh, 0 to 1. Nil means 1
	SNoise float64  // scale of the fresh noise. Zero means 1
}

func (DPM2Ancestral) name() string { return "dpm2_ancestral" }

func (s DPM2Ancestral) fit(c Solver) DPM2Ancestral {
	return ofClass(s, s == DPM2Ancestral{}, c)
}

// Sample implements [Sampler].
func (s DPM2Ancestral) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, eta, err := beginAncestral(ctx, "dpm2_ancestral", denoise, x, sigmas, s.Eta, noise)
	if err != nil {
		return err
	}
	fresh, middle := make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		down, up := ancestralStep(sigmas[i], sigmas[i+1], eta)
		mid := math.Sqrt(sigmas[i] * down)
		if mid == sigmas[i+1] {
			// With eta 1 the middle is the next level. Keep it a rounding apart, so
			// that it gets a timestep by interpolation as middles do, and not that
			// level's own, which may be rounded.
			mid = math.Nextafter(mid, 0)
		}
		if err := midpointStep(ctx, denoise, x, middle, i, sigmas[i], mid, down); err != nil {
			return err
		}
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	return ctx.Err()
}

// midpointStep takes x from sigma to next with the slope at mid, the middle in
// log σ.
func midpointStep(ctx context.Context, denoise Denoiser, x, middle []float32, step int, sigma, mid, next float64) error {
	est, err := denoise(ctx, x, sigma)
	if err != nil {
		return stepError(step, sigma, err)
	}
	if next == 0 {
		eulerStep(ctx, x, x, est.Denoised, sigma, next)
		return nil
	}
	eulerStep(ctx, middle, x, est.Denoised, sigma, mid)
	if est, err = denoise(ctx, middle, mid); err != nil {
		return stepError(step, mid, err)
	}
	slope(ctx, middle, middle, est.Denoised, mid)
	addScaled(ctx, x, x, next-sigma, middle)
	return nil
}
