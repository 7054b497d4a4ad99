package sampler

import (
	"context"
	"fmt"
)

// IPNDM is the improved pseudo linear multistep method of Zhang & Chen (2022) in
// σ: Adams-Bashforth of rising order from the first step. A step to zero takes the
// estimate itself.
//
// Variable computes the coefficients for the uneven steps that there are, and not
// for even ones; it is known as iPNDM_v and differs from [LMS] on the step to zero
// only. The code that made it known has two slips in these coefficients, so that
// they do not sum to one; ours are right, and pictures differ from its by them.
//
// The scheduler class IPNDMScheduler of diffusers is not among scheduler.Classes: it
// runs this method on levels of its own that begin at infinity, where it multiplies
// the model's output by zero and so loses its estimate of x₀.
//
// https://arxiv.org/abs/2204.13902
type IPNDM struct {
	Order    int // 1 to 4. Zero means 4
	Variable bool
}

// Sample implements [Sampler].
func (s IPNDM) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	denoise, err := begin("ipndm", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Order == 0 {
		s.Order = 4
	}
	if s.Order < 1 || s.Order > 4 {
		return fmt.Errorf("sampler: ipndm: order: have %d, want 1 to 4", s.Order)
	}
	slopes := newHistory(s.Order, len(x))
	mean := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		sigma, next := sigmas[i], sigmas[i+1]
		denoised, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		slope(slopes.push(), x, denoised, sigma)
		known := min(i+1, s.Order)
		switch {
		case next == 0:
			copy(x, denoised)
		case next == sigma:
		case known == 1:
			eulerStep(x, x, denoised, sigma, next)
		case s.Variable:
			combine(x, 1, lmsCoefficients(sigmas, i, known), slopes)
		default:
			adamsBashforth(mean, slopes[:known])
			addScaled(x, x, next-sigma, mean)
		}
	}
	return nil
}
