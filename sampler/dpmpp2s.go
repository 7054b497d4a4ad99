package sampler

import (
	"cmp"
	"context"
	"math"
)

// DPMPP2SAncestral is DPM-Solver++(2S) of Lu et al. (2022b), Algorithm 1, to below
// the next level, with fresh noise up to it, as in k-diffusion. It calls the
// denoiser twice a step, once on a step to zero.
//
// https://arxiv.org/abs/2211.01095
type DPMPP2SAncestral struct {
	Eta    *float64 // share of noise that is fresh, 0 to 1. Nil means 1
	SNoise float64  // scale of the fresh noise. Zero means 1

	// CFGPlusPlus makes the step of the unconditional estimates alone, and adds the
	// difference of the estimates at its start in the end, as ComfyUI does; see
	// [NeedsUncond].
	CFGPlusPlus bool
}

// NeedsUncond says whether CFG++ is on.
func (s DPMPP2SAncestral) NeedsUncond() bool { return s.CFGPlusPlus }

func (s DPMPP2SAncestral) name() string {
	if s.CFGPlusPlus {
		return "dpmpp_2s_ancestral_cfg_pp"
	}
	return "dpmpp_2s_ancestral"
}

// Sample implements [Sampler].
func (s DPMPP2SAncestral) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, eta, err := beginAncestral(ctx, "dpmpp_2s_ancestral", denoise, x, sigmas, s.Eta, noise)
	if err != nil {
		return err
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	middle, fresh, guide := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma := sigmas[i]
		down, up := ancestralStep(sigma, sigmas[i+1], eta)
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		if s.CFGPlusPlus {
			addScaled(ctx, guide, est.Denoised, -1, est.Uncond)
		}
		if down > 0 {
			mid := math.Sqrt(sigma * down) // the middle in λ = −log σ
			eulerStep(ctx, middle, x, est.Uncond, sigma, mid)
			if est, err = denoise(ctx, middle, mid); err != nil {
				return stepError(i, mid, err)
			}
		}
		eulerStep(ctx, x, x, est.Uncond, sigma, down)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
		if s.CFGPlusPlus {
			addScaled(ctx, x, x, 1, guide)
		}
	}
	return ctx.Err()
}
