package sampler

import (
	"context"
	"math"
)

// DPMPP2M is DPM-Solver++(2M) of Lu et al. (2022b), Algorithm 2, as in
// k-diffusion: a step uses the estimate of the clean latents extrapolated from
// this level and the one before. The first step, and one to zero, are of first
// order.
//
// https://arxiv.org/abs/2211.01095
type DPMPP2M struct {
	// CFGPlusPlus steps along the unconditional estimate, and extrapolates
	// the guided one from the unconditional one before; see [NeedsUncond].
	CFGPlusPlus bool
}

// NeedsUncond says whether CFG++ is on.
func (s DPMPP2M) NeedsUncond() bool { return s.CFGPlusPlus }

func (s DPMPP2M) name() string {
	if s.CFGPlusPlus {
		return "dpmpp_2m_cfg_pp"
	}
	return "dpmpp_2m"
}

// Sample implements [Sampler].
func (s DPMPP2M) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	denoise, err := begin(ctx, "dpmpp_2m", denoise, x, sigmas)
	if err != nil {
		return err
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	d, last := make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		copy(d, est.Denoised)
		if i > 0 && next > 0 {
			h, hLast := math.Log(sigma/next), math.Log(sigmas[i-1]/sigma) // steps in λ = −log σ
			c := h / (2 * hLast)
			mix(ctx, d, 1+c, est.Denoised, -c, last)
		}
		copy(last, est.Uncond)
		shift(ctx, x, est)
		eulerStep(ctx, x, x, d, sigma, next) // exact for a constant D: σ'/σ = e^{−h}
	}
	return ctx.Err()
}
