package sampler

import "context"

// Heun is the second-order sampler of Karras et al. (2022), Algorithm 2 with
// σ(t) = t and s(t) = 1. It calls the denoiser twice a step, once on a step to
// zero.
//
// https://arxiv.org/abs/2206.00364
type Heun struct {
	Churn Churn
}

func (Heun) name() string { return "heun" }

func (s Heun) fit(c Solver) Heun {
	return ofClass(s, s == Heun{}, c)
}

// Sample implements [Sampler].
func (s Heun) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "heun", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := s.Churn.check("heun", noise); err != nil {
		return err
	}
	steps := len(sigmas) - 1
	d, ahead, dAhead := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	fresh := make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		next := sigmas[i+1]
		sigma := s.Churn.lift(ctx, x, fresh, sigmas[i], steps, noise)
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		if next == 0 { // the slope is undefined at zero: take the Euler step
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
			continue
		}

		slope(ctx, d, x, est.Denoised, sigma)
		eulerStep(ctx, ahead, x, est.Denoised, sigma, next)
		if est, err = denoise(ctx, ahead, next); err != nil {
			return stepError(i, next, err)
		}
		slope(ctx, dAhead, ahead, est.Denoised, next)
		mix(ctx, d, 0.5, d, 0.5, dAhead) // trapezoidal rule
		addScaled(ctx, x, x, next-sigma, d)
	}
	return ctx.Err()
}
