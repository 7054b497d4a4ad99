package sampler

import (
	"context"
	"fmt"
	"math"
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
			addScaled(ctx, x, x, up*orOne(s.SNoise), fresh)
		}
	}
	return ctx.Err()
}

// ancestralStep splits a step from one level to the next into a deterministic
// part, down to down, and fresh noise up:
//
//	up   = η·to·√(1 − (to/from)²)
//	down = √(to² − up²) = to·√((1−η²) + η²·(to/from)²)
//
// The last form does not cancel. With η = 1, down is to²/from.
func ancestralStep(from, to, eta float64) (down, up float64) {
	r := to / from
	up = eta * to * math.Sqrt((1-r)*(1+r))
	down = to * math.Sqrt((1-eta)*(1+eta)+eta*eta*r*r)
	return down, up
}

// beginAncestral is begin for the samplers whose eta is 1 unless given.
func beginAncestral(ctx context.Context, name string, denoise Denoiser, x []float32, sigmas []float64, eta *float64, noise Noise) (Denoiser, float64, error) {
	denoise, err := begin(ctx, name, denoise, x, sigmas)
	if err != nil {
		return nil, 0, err
	}
	value := 1.0
	if eta != nil {
		value = *eta
	}
	return denoise, value, checkEta(name, value, noise)
}

// checkEta wants eta from 0 to 1, and a Noise if it is not 0.
func checkEta(name string, eta float64, noise Noise) error {
	if !(eta >= 0 && eta <= 1) {
		return fmt.Errorf("sampler: %s: eta: have %g, want 0 to 1", name, eta)
	}
	if eta > 0 {
		return needNoise(name, noise)
	}
	return nil
}

// orOne gives the value of an option whose zero means 1.
func orOne(v float64) float64 {
	if v == 0 {
		return 1
	}
	return v
}
