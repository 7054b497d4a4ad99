package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// SEEDS2 is the two-stage solver of Gonzalez et al. (2023), Algorithm 2, for
// estimates of x₀, in the form that ComfyUI gave it: the stage lies a share R of the
// step on in λ = −log σ, and the stages share the noise that they have in common.
// It calls the denoiser twice a step, once on a step to zero.
//
// With R 1 and Phi2 it is Heun's method in λ, ComfyUI's exp_heun_2_x0.
//
// https://arxiv.org/abs/2305.14267
type SEEDS2 struct {
	Eta    *float64 // amount of noise, 0 to 1. Nil means 1; 0 solves the ODE
	SNoise float64  // scale of the noise. Zero means 1
	R      float64  // where the stage lies, in (0, 1]. Zero means 1/2
	Phi2   bool     // integrate the linear term exactly, not by the midpoint rule
}

func (s SEEDS2) name() string {
	switch {
	case s.R != 1 || !s.Phi2:
		return "seeds_2"
	case s.Eta != nil && *s.Eta == 0:
		return "exp_heun_2_x0"
	}
	return "exp_heun_2_x0_sde"
}

// Sample implements [Sampler].
func (s SEEDS2) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, eta, err := beginAncestral(ctx, "seeds_2", denoise, x, sigmas, s.Eta, noise)
	if err != nil {
		return err
	}
	if s.R == 0 {
		s.R = 0.5
	}
	if !(s.R > 0 && s.R <= 1) {
		return fmt.Errorf("sampler: seeds_2: r: have %g, want more than 0 and at most 1", s.R)
	}
	estimates := newHistory(2, len(x)) // at the start and at the stage
	stage := make([]float32, len(x))
	path := newSEEDSNoise(len(x), noise, eta, s.SNoise)
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		switch next {
		case 0:
			copy(x, est.Denoised)
			continue
		case sigma:
			continue
		}
		copy(estimates[0], est.Denoised)
		h := math.Log(sigma / next)
		hEta := h * (1 + eta)
		path.begin(h)

		middle := sigma * math.Exp(-s.R*h)
		mix(ctx, stage, math.Exp(-s.R*hEta), x, -math.Expm1(-s.R*hEta), est.Denoised)
		path.add(ctx, stage, s.R, middle)
		if est, err = denoise(ctx, stage, middle); err != nil {
			return stepError(i, middle, err)
		}
		copy(estimates[1], est.Denoised)

		c2 := -math.Expm1(-hEta) / (2 * s.R)
		if s.Phi2 {
			c2 = phi2(hEta) / s.R
		}
		combine(ctx, x, math.Exp(-hEta), []float64{-math.Expm1(-hEta) - c2, c2}, estimates)
		path.add(ctx, x, 1, next)
	}
	return ctx.Err()
}

// SEEDS3 is the three-stage solver of the same paper, Algorithm 4, with its stages
// at a third and two thirds of the step. It calls the denoiser three times a step,
// once on a step to zero.
type SEEDS3 struct {
	Eta    *float64 // amount of noise, 0 to 1. Nil means 1; 0 solves the ODE
	SNoise float64  // scale of the noise. Zero means 1
}

func (SEEDS3) name() string { return "seeds_3" }

// Sample implements [Sampler].
func (s SEEDS3) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, eta, err := beginAncestral(ctx, "seeds_3", denoise, x, sigmas, s.Eta, noise)
	if err != nil {
		return err
	}
	const r1, r2 = 1. / 3, 2. / 3
	estimates := newHistory(3, len(x)) // at the start and at the stages
	stage := make([]float32, len(x))
	path := newSEEDSNoise(len(x), noise, eta, s.SNoise)
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		switch next {
		case 0:
			copy(x, est.Denoised)
			continue
		case sigma:
			continue
		}
		copy(estimates[0], est.Denoised)
		h := math.Log(sigma / next)
		hEta := h * (1 + eta)
		path.begin(h)

		first := sigma * math.Exp(-r1*h)
		mix(ctx, stage, math.Exp(-r1*hEta), x, -math.Expm1(-r1*hEta), est.Denoised)
		path.add(ctx, stage, r1, first)
		if est, err = denoise(ctx, stage, first); err != nil {
			return stepError(i, first, err)
		}
		copy(estimates[1], est.Denoised)

		second := sigma * math.Exp(-r2*h)
		a2 := r2 / r1 * phi2(r2*hEta)
		copy(stage, x)
		combine(ctx, stage, math.Exp(-r2*hEta), []float64{-math.Expm1(-r2*hEta) - a2, a2}, estimates)
		path.add(ctx, stage, r2, second)
		if est, err = denoise(ctx, stage, second); err != nil {
			return stepError(i, second, err)
		}
		copy(estimates[2], est.Denoised)

		b3 := phi2(hEta) / r2
		combine(ctx, x, math.Exp(-hEta), []float64{-math.Expm1(-hEta) - b3, 0, b3}, estimates)
		path.add(ctx, x, 1, next)
	}
	return ctx.Err()
}

// seedsNoise is the noise of a step so far. A share r of the step on it has the
// variance 1 − e^{−2ηrh}, and it goes on from one share to the next by keeping
// e^{−ηh·Δr} of what it was.
type seedsNoise struct {
	noise      Noise
	eta, scale float64
	etaH, at   float64
	sum, fresh []float32
}

func newSEEDSNoise(n int, noise Noise, eta, sNoise float64) *seedsNoise {
	return &seedsNoise{noise: noise, eta: eta, scale: cmp.Or(sNoise, 1), sum: make([]float32, n), fresh: make([]float32, n)}
}

// begin starts a step of h in λ.
func (p *seedsNoise) begin(h float64) {
	p.etaH, p.at = p.eta*h, 0
	clear(p.sum)
}

// add goes on to a share r of the step and adds the noise so far to x, whose noise
// level is sigma. It draws even where r is where it was before, as ComfyUI does.
func (p *seedsNoise) add(ctx context.Context, x []float32, r, sigma float64) {
	if p.eta == 0 {
		return
	}
	d := p.etaH * (r - p.at)
	p.at = r
	p.noise(p.fresh)
	mix(ctx, p.sum, math.Exp(-d), p.sum, math.Sqrt(-math.Expm1(-2*d)), p.fresh)
	addScaled(ctx, x, x, sigma*p.scale, p.sum)
}
