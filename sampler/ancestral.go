package sampler

import (
	"cmp"
	"context"
)

// EulerAncestral takes Euler steps to below the next level and adds noise up to
// it: ancestral sampling of Song et al. (2021), equation 47, in k-diffusion's form.
//
// https://arxiv.org/abs/2011.13456
type EulerAncestral struct {
	Eta    *float64 // share of noise that is fresh, 0 to 1. Nil means 1
	SNoise float64  // scale of the fresh noise. Zero means 1

	// CFGPlusPlus steps along the unconditional estimate; see [NeedsUncond].
	CFGPlusPlus bool
}

// NeedsUncond says whether CFG++ is on.
func (s EulerAncestral) NeedsUncond() bool { return s.CFGPlusPlus }

func (s EulerAncestral) name() string {
	if s.CFGPlusPlus {
		return "euler_ancestral_cfg_pp"
	}
	return "euler_ancestral"
}

func (s EulerAncestral) fit(c Solver) EulerAncestral {
	return ofClass(s, s == EulerAncestral{}, c)
}

// Sample implements [Sampler].
func (s EulerAncestral) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, eta, err := beginAncestral(ctx, "euler_ancestral", denoise, x, sigmas, s.Eta, noise)
	if err != nil {
		return err
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	fresh := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		est, err := denoise(ctx, x, sigmas[i])
		if err != nil {
			return stepError(i, sigmas[i], err)
		}
		down, up := ancestralStep(sigmas[i], sigmas[i+1], eta)
		shift(ctx, x, est)
		eulerStep(ctx, x, x, est.Denoised, sigmas[i], down)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	return ctx.Err()
}
