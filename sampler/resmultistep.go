package sampler

import (
	"cmp"
	"context"
	"math"
)

// ResMultistep is the second-order multistep method of refined exponential solvers
// (Zhang et al. 2023, section 4), as in ComfyUI. With Eta 0 it is DPM-Solver++(2M)
// with the linear term integrated exactly; with more, fresh noise is added at
// every step.
//
// https://arxiv.org/abs/2308.02157
type ResMultistep struct {
	Eta    float64 // share of noise that is fresh, 0 to 1
	SNoise float64 // scale of the fresh noise. Zero means 1

	// CFGPlusPlus steps along the unconditional estimate, and combines
	// unconditional estimates only, but for the first step and one to zero, as
	// ComfyUI does; see [NeedsUncond].
	CFGPlusPlus bool
}

// NeedsUncond says whether CFG++ is on.
func (s ResMultistep) NeedsUncond() bool { return s.CFGPlusPlus }

func (s ResMultistep) name() string {
	switch {
	case s.Eta != 0 && s.CFGPlusPlus:
		return "res_multistep_ancestral_cfg_pp"
	case s.Eta != 0:
		return "res_multistep_ancestral"
	case s.CFGPlusPlus:
		return "res_multistep_cfg_pp"
	}
	return "res_multistep"
}

// Sample implements [Sampler].
func (s ResMultistep) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "res_multistep", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := checkEta("res_multistep", s.Eta, noise); err != nil {
		return err
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	estimates := newHistory(2, len(x))
	fresh := make([]float32, len(x))
	lastDown := 0.0
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		copy(estimates.push(), est.Uncond)
		shift(ctx, x, est)
		down, up := ancestralStep(sigma, next, s.Eta)
		if i == 0 || down == 0 || down == sigma {
			eulerStep(ctx, x, x, est.Denoised, sigma, down)
		} else {
			h := math.Log(sigma / down)
			r := math.Log(sigmas[i-1]/lastDown) / h // the last step's deterministic part
			step := dpmIntegrals(sigma, down, false, false)
			combine(ctx, x, step.cx, []float64{step.a0 + step.a1/r, -step.a1 / r}, estimates)
		}
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
		lastDown = down
	}
	return ctx.Err()
}
