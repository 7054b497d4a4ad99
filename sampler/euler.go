package sampler

import "context"

// Euler is the first-order method for the probability flow ODE dx/dσ = (x − D)/σ:
// Karras et al. (2022), Algorithm 2 without its correction. DDIM with eta 0 is
// the same method.
//
// https://arxiv.org/abs/2206.00364
type Euler struct {
	Churn Churn

	// CFGPlusPlus steps along the unconditional estimate; see [NeedsUncond].
	CFGPlusPlus bool
}

// NeedsUncond says whether CFG++ is on.
func (s Euler) NeedsUncond() bool { return s.CFGPlusPlus }

func (s Euler) name() string {
	if s.CFGPlusPlus {
		return "euler_cfg_pp"
	}
	return "euler"
}

func (s Euler) fit(c Solver) Euler {
	return ofClass(s, s == Euler{}, c)
}

// Sample implements [Sampler].
func (s Euler) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "euler", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := s.Churn.check("euler", noise); err != nil {
		return err
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	steps := len(sigmas) - 1
	fresh := make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		sigma := s.Churn.lift(ctx, x, fresh, sigmas[i], steps, noise)
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		shift(ctx, x, est)
		eulerStep(ctx, x, x, est.Denoised, sigma, sigmas[i+1])
	}
	return ctx.Err()
}

// eulerStep sets dst = x + (to − from)·(x − D)/from, written as a mean of x and D
// so that nothing cancels even from an enormous level.
func eulerStep(ctx context.Context, dst, x, denoised []float32, from, to float64) {
	r := to / from
	mix(ctx, dst, r, x, 1-r, denoised)
}
