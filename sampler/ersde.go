package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// ERSDE is ER-SDE-Solver-3 of Cui et al. (2023), Algorithm 1 with its noise scale
// φ(σ) = σ·(e^{σ^0.3} + 10), a solver for the extended reverse-time SDE.
//
// https://arxiv.org/abs/2309.06169
type ERSDE struct {
	Stages int     // 1 to 3 terms of the Taylor expansion. Zero means 3
	SNoise float64 // scale of the noise. Zero means 1
}

func (ERSDE) name() string { return "er_sde" }

// Sample implements [Sampler].
func (s ERSDE) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "er_sde", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Stages == 0 {
		s.Stages = 3
	}
	if s.Stages < 1 || s.Stages > 3 {
		return fmt.Errorf("sampler: er_sde: stages: have %d, want 1 to 3", s.Stages)
	}
	if err := needNoise("er_sde", noise); err != nil {
		return err
	}
	estimates := newHistory(3, len(x))
	fresh := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		copy(estimates.push(), est.Denoised)
		switch {
		case next == 0:
			copy(x, est.Denoised)
			continue
		case next == sigma:
			continue
		}
		r := erScale(next) / erScale(sigma)
		zeroth, first := erIntegrals(sigma, next)
		c := []float64{1 - r, 0, 0}[:min(i+1, s.Stages)]
		if len(c) > 1 { // the first derivative of the estimate
			w := (next - sigma + zeroth*erScale(next)) / (sigma - sigmas[i-1])
			if len(c) > 2 { // and the second
				v := ((next-sigma)*(next-sigma)/2 + first*erScale(next)) * 2 / (sigma - sigmas[i-2])
				w += v / (sigma - sigmas[i-1])
				u := v / (sigmas[i-1] - sigmas[i-2])
				c[1] -= u
				c[2] += u
			}
			c[0] += w
			c[1] -= w
		}
		combine(ctx, x, r, c, estimates)
		if up := math.Sqrt(math.Max(0, (next-sigma*r)*(next+sigma*r))); up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	return ctx.Err()
}

// erScale is the noise scale φ.
func erScale(sigma float64) float64 { return sigma * (math.Exp(math.Pow(sigma, 0.3)) + 10) }

// erIntegrals integrates 1/φ(s) and (s − σ)/φ(s) over s from next to σ, by the sum
// of 200 rectangles that the authors take.
func erIntegrals(sigma, next float64) (zeroth, first float64) {
	const points = 200
	width := (sigma - next) / points
	for k := range points {
		s := next + float64(k)*width
		zeroth += width / erScale(s)
		first += width * (s - sigma) / erScale(s)
	}
	return zeroth, first
}
