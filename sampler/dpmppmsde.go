package sampler

import (
	"cmp"
	"context"
	"math"
)

// DPMPP2MSDE is k-diffusion's "dpmpp_2m_sde": SDE-DPM-Solver++(2M) of Lu et al.
// (2022b), section 5, with the amount of noise free. Eta 0 is nearly [DPMPP2M].
//
// https://arxiv.org/abs/2211.01095
type DPMPP2MSDE struct {
	Eta    *float64  // amount of noise, 0 to 1. Nil means 1
	SNoise float64   // scale of the noise. Zero means 1
	Heun   bool      // solver type heun: the linear term integrated exactly, not by the midpoint rule
	Path   PathNoise // the noise. Nil means fresh noise each time
}

func (s DPMPP2MSDE) name() string {
	if s.Heun {
		return "dpmpp_2m_sde_heun"
	}
	return "dpmpp_2m_sde"
}

// Sample implements [Sampler].
func (s DPMPP2MSDE) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, eta, path, err := beginSDE(ctx, "dpmpp_2m_sde", denoise, x, sigmas, s.Eta, noise, s.Path)
	if err != nil {
		return err
	}
	order := func(known int, h float64) (c1, c2 float64) {
		switch {
		case known < 2:
			return 0, 0
		case s.Heun:
			return phi2(h), 0
		}
		return -math.Expm1(-h) / 2, 0
	}
	return multistepSDE(ctx, denoise, x, sigmas, 2, order, eta, cmp.Or(s.SNoise, 1), path)
}

// DPMPP3MSDE is k-diffusion's "dpmpp_3m_sde": [DPMPP2MSDE] with one estimate more.
// Like order 3 of [DPMSolver] it takes half the second derivative.
type DPMPP3MSDE struct {
	Eta    *float64  // amount of noise, 0 to 1. Nil means 1
	SNoise float64   // scale of the noise. Zero means 1
	Path   PathNoise // the noise. Nil means fresh noise each time
}

func (DPMPP3MSDE) name() string { return "dpmpp_3m_sde" }

// Sample implements [Sampler].
func (s DPMPP3MSDE) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, eta, path, err := beginSDE(ctx, "dpmpp_3m_sde", denoise, x, sigmas, s.Eta, noise, s.Path)
	if err != nil {
		return err
	}
	order := func(known int, h float64) (c1, c2 float64) {
		switch known {
		case 1:
			return 0, 0
		case 2:
			return phi2(h), 0
		}
		return phi2(h), 0.5 - phi2(h)/h
	}
	return multistepSDE(ctx, denoise, x, sigmas, 3, order, eta, cmp.Or(s.SNoise, 1), path)
}

// multistepSDE integrates the SDE over each step in λ = −log σ. With h' = (1+η)·h,
//
//	x' = e^{−h'}·x + (1 − e^{−h'})·D + c1·D₁ + c2·D₂ + σ'·√(1 − e^{−2ηh})·noise
//
// where D₁ and D₂ are divided differences of the last estimates and order gives
// c1 and c2 for the number of estimates known.
func multistepSDE(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, size int,
	order func(known int, h float64) (c1, c2 float64), eta, sNoise float64, path PathNoise) error {
	estimates := newHistory(size, len(x))
	fresh := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		copy(estimates.push(), est.Denoised)
		if next == 0 {
			copy(x, est.Denoised)
			continue
		}
		if next == sigma {
			continue
		}
		h := math.Log(sigma / next)
		known := min(i+1, size)
		c1, c2 := order(known, h*(1+eta))
		c := []float64{-math.Expm1(-h * (1 + eta)), 0, 0}[:known]
		if known > 1 {
			r0 := math.Log(sigmas[i-1]/sigma) / h
			p, q := c1, 0.0 // of (m0−m1)/r0 and (m1−m2)/r1
			if known > 2 {
				r1 := math.Log(sigmas[i-2]/sigmas[i-1]) / h
				p, q = (c1*(2*r0+r1)+c2)/(r0+r1), -(c1*r0+c2)/(r0+r1)
				c[1] += q / r1
				c[2] -= q / r1
			}
			c[0] += p / r0
			c[1] -= p / r0
		}
		combine(ctx, x, math.Exp(-h*(1+eta)), c, estimates)
		if up := next * math.Sqrt(-math.Expm1(-2*eta*h)); up > 0 {
			path(fresh, sigma, next)
			addScaled(ctx, x, x, up*sNoise, fresh)
		}
	}
	return ctx.Err()
}
