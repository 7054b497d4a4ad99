package sampler

import (
	"context"
	"fmt"
	"math"
)

// LMS is the linear multistep method of k-diffusion: Adams-Bashforth for uneven
// steps in σ. The slopes of the last Order levels are interpolated by a
// polynomial, which is integrated over the step, that to zero too. (ComfyUI takes the
// estimate there.)
//
// A run over the end of a schedule begins anew with order 1. diffusers'
// LMSDiscreteScheduler takes the order by the number of the step in the whole
// schedule and drops the slopes that it does not have, so that its first three steps
// of image-to-image are too long or too short.
type LMS struct {
	Order int // 1 to 4. Zero means 4
}

func (LMS) name() string { return "lms" }

func (s LMS) fit(c Solver) LMS {
	return ofClass(s, s == LMS{}, c)
}

// Sample implements [Sampler].
func (s LMS) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "lms", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Order == 0 {
		s.Order = 4
	}
	if s.Order < 1 || s.Order > 4 {
		return fmt.Errorf("sampler: lms: order: have %d, want 1 to 4", s.Order)
	}
	slopes := newHistory(s.Order, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		est, err := denoise(ctx, x, sigmas[i])
		if err != nil {
			return stepError(i, sigmas[i], err)
		}
		slope(ctx, slopes.push(), x, est.Denoised, sigmas[i])
		if sigmas[i+1] == sigmas[i] {
			continue
		}
		combine(ctx, x, 1, lmsCoefficients(sigmas, i, min(i+1, s.Order)), slopes)
	}
	return ctx.Err()
}

// lmsCoefficients integrates the Lagrange polynomials of the levels i, i−1, … over
// the step from level i to i+1.
func lmsCoefficients(sigmas []float64, i, order int) []float64 {
	from, to := sigmas[i], sigmas[i+1]
	c := make([]float64, order)
	for j := range c {
		for _, g := range gauss {
			at := (from+to)/2 + g.x*(to-from)/2
			value := g.weight * (to - from) / 2
			for k := range order {
				if k != j {
					value *= (at - sigmas[i-k]) / (sigmas[i-j] - sigmas[i-k])
				}
			}
			c[j] += value
		}
	}
	return c
}

// gauss is the two-point Gauss-Legendre rule, exact up to cubic polynomials.
var gauss = []struct{ x, weight float64 }{{-1 / math.Sqrt(3), 1}, {1 / math.Sqrt(3), 1}}
