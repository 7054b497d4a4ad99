package sampler

import (
	"context"
	"math"
)

// DPMPP2MV2 is stable-diffusion.cpp's "dpm++2mv2", a change to [DPMPP2M] that was
// proposed for sharper pictures of few steps: the extrapolation is weighted by the
// longer of the last two steps in λ over the shorter, whichever came first, and the
// weight of the estimate is that of a step of their mean length. Even steps in λ
// make both methods equal; uneven ones leave it without an order of convergence, as
// the weights of x and of the estimate no longer add up to one.
//
// https://github.com/AUTOMATIC1111/stable-diffusion-webui/discussions/8457
type DPMPP2MV2 struct{}

func (DPMPP2MV2) name() string { return "dpmpp_2m_v2" }

// Sample implements [Sampler].
func (DPMPP2MV2) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	denoise, err := begin(ctx, "dpmpp_2m_v2", denoise, x, sigmas)
	if err != nil {
		return err
	}
	d, last := make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		switch {
		case next == sigma:
		case i == 0 || next == 0:
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
		default:
			h, hLast := math.Log(sigma/next), math.Log(sigmas[i-1]/sigma)
			c := min(h, hLast) / (2 * max(h, hLast))
			mix(ctx, d, 1+c, est.Denoised, -c, last)
			mix(ctx, x, next/sigma, x, -math.Expm1(-(h+hLast)/2), d)
		}
		copy(last, est.Denoised)
	}
	return ctx.Err()
}
