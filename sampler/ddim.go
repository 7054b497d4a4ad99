package sampler

import (
	"context"
	"fmt"
	"math"
)

// DDIM is the sampler of Song et al. (2020), equation 12. Eta 0 is deterministic
// and the same as [Euler]; eta 1 is ancestral sampling (DDPM on the chosen steps).
//
// https://arxiv.org/abs/2010.02502
type DDIM struct {
	Eta float64 // share of noise that is fresh, 0 to 1

	// Limit bounds the estimate of the clean latents. The noise estimate that
	// the step keeps is the one from before the bound, as the model gave it,
	// unless ClippedEps is set (diffusers' use_clipped_model_output).
	Limit      Limit
	ClippedEps bool

	// CFGPlusPlus steps along the unconditional estimate; see [NeedsUncond].
	CFGPlusPlus bool

	// To is the level that each step goes to, where that is not the next of
	// sigmas; x is then taken to be at the next level without being changed at
	// unit variance, which is what diffusers does for uneven spacings. Nil is
	// the ordinary case.
	To []float64
}

// NeedsUncond says whether CFG++ is on.
func (s DDIM) NeedsUncond() bool { return s.CFGPlusPlus }

func (s DDIM) name() string {
	if s.CFGPlusPlus {
		return "ddim_cfg_pp"
	}
	return "ddim"
}

// fit takes the bounds and the noise of a config, and where the solver is of its class
// the levels that it steps to. What is set stays.
func (s DDIM) fit(c Solver) DDIM {
	if c.Eta != 0 {
		s.Eta = c.Eta
	}
	s.ClippedEps = s.ClippedEps || c.ClippedEps
	if !s.Limit.on() {
		s.Limit = c.limit()
	}
	if s.To == nil && c.Class == "DDIMScheduler" {
		s.To = c.To
	}
	return s
}

// Sample implements [Sampler].
func (s DDIM) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "ddim", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := checkEta("ddim", s.Eta, noise); err != nil {
		return err
	}
	if err := checkHops("ddim", s.To, len(sigmas)-1); err != nil {
		return err
	}
	if err := s.Limit.check("ddim", len(x)); err != nil {
		return err
	}

	if s.CFGPlusPlus && s.ClippedEps {
		return fmt.Errorf("sampler: ddim: have both CFG++ and ClippedEps, want one: each says where the noise comes from")
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	bounded, fresh := make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, to := sigmas[i], sigmas[i+1]
		if s.To != nil {
			to = s.To[i]
		}
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		shift(ctx, x, est)
		down, up := ancestralStep(sigma, to, s.Eta)
		switch {
		case !s.Limit.on():
			eulerStep(ctx, x, x, est.Denoised, sigma, down)
		case s.ClippedEps:
			s.Limit.apply(ctx, bounded, est.Denoised)
			eulerStep(ctx, x, x, bounded, sigma, down)
		default: // bounded + down·(x − denoised)/sigma
			s.Limit.apply(ctx, bounded, est.Denoised)
			mix(ctx, x, down/sigma, x, -down/sigma, est.Denoised)
			addScaled(ctx, x, x, 1, bounded)
		}
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up, fresh)
		}
		relabel(ctx, x, to, sigmas[i+1])
	}
	return ctx.Err()
}

// relabel takes x at one level for x at another, as code that keeps latents at
// unit variance does when it mistakes the level: x/√(1+σ²) stays what it is.
func relabel(ctx context.Context, x []float32, from, to float64) {
	if from != to {
		scale(ctx, x, math.Sqrt((1+to*to)/(1+from*from)), x)
	}
}
