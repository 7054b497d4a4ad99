package sampler

import (
	"context"
	"fmt"
)

// IPNDM is the improved pseudo linear multistep method of Zhang & Chen (2022) in
// σ: Adams-Bashforth of rising order from the first step. A step to zero takes the
// estimate itself.
//
// Variable is iPNDM_v, whose coefficients are meant for the uneven steps that there
// are. They are those of the code that made it known, and that everyone runs, with
// its two slips: the correction of third order has a bracket in the wrong place, and
// the oldest slope the ratio of the wrong two steps, so that the coefficients of
// fourth order add up to one for steps of even ratio only. [LMS] has the right ones.
//
// The scheduler class IPNDMScheduler of diffusers is not among scheduler.Classes: it
// runs this method on levels of its own that begin at infinity, where it multiplies
// the model's output by zero and so loses its estimate of x₀.
//
// https://arxiv.org/abs/2204.13902
// https://github.com/zju-pi/diff-sampler
type IPNDM struct {
	Order    int // 1 to 4. Zero means 4
	Variable bool
}

func (s IPNDM) name() string {
	if s.Variable {
		return "ipndm_v"
	}
	return "ipndm"
}

// Sample implements [Sampler].
func (s IPNDM) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	denoise, err := begin(ctx, "ipndm", denoise, x, sigmas)
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
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		slope(ctx, slopes.push(), x, est.Denoised, sigma)
		known := min(i+1, s.Order)
		switch {
		case next == 0:
			copy(x, est.Denoised)
		case next == sigma:
		case known == 1:
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
		case s.Variable:
			c := ipndmCoefficients(sigmas, i, known)
			for k := range c {
				c[k] *= next - sigma
			}
			combine(ctx, x, 1, c, slopes)
		default:
			adamsBashforth(ctx, mean, slopes[:known])
			addScaled(ctx, x, x, next-sigma, mean)
		}
	}
	return ctx.Err()
}

// ipndmCoefficients returns the weights of the slopes at levels i, i−1, … for uneven
// steps, for order 2 to 4: see the slips in the comment of [IPNDM].
func ipndmCoefficients(sigmas []float64, i, order int) []float64 {
	h, h1 := sigmas[i+1]-sigmas[i], sigmas[i]-sigmas[i-1]
	c := []float64{1 + h/(2*h1), -h / (2 * h1)}
	if order == 2 {
		return c
	}
	h2 := sigmas[i-1] - sigmas[i-2]
	a := h1 / h2
	third := (1 - h*h/(3*h1*(h1+h2))) / 2
	c = append(c, a*third)
	c[0] += third
	c[1] -= (1 + a) * third
	if order == 3 {
		return c
	}
	h3 := sigmas[i-2] - sigmas[i-3]
	b := h1 * (h1 + h2) / (h2 * (h2 + h3))
	fourth := ((1-h/(3*(h+h1)))/2 + (1-h/(2*(h+h1)))*h/(6*(h+h1+h2))) *
		h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
	c = append(c, -b*a*fourth)
	c[0] += fourth
	c[1] -= (1 + a + b) * fourth
	c[2] += (a + b*(1+h2/h3)) * fourth
	return c
}
