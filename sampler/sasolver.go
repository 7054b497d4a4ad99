package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// SASolver is the stochastic Adams method of Xue et al. (2023), Algorithm 1: it
// integrates the variance-controlled diffusion SDE with a predictor
// (Adams-Bashforth) and a corrector (Adams-Moulton), which uses each model call
// a second time, with the same noise, to improve the step that led to it.
//
// With τ = 0 it solves the ODE, with τ = 1 the usual reverse SDE. It draws noise
// for every step, whether τ is 0 there or not, as diffusers does, unless Tau.AtEnd
// is set. A step to zero takes the estimate itself.
//
// https://arxiv.org/abs/2309.05019
type SASolver struct {
	PredictorOrder  int     // estimates that the predictor uses, 1 to 4. Zero means 2
	CorrectorOrder  int     // estimates that the corrector uses, 1 to 4. Zero means 2
	Tau             Tau     // how much noise. Its zero value is 1 in the middle of the levels
	SNoise          float64 // scale of the fresh noise. Zero means 1
	Epsilon         bool    // combine estimates of the noise, not of x₀
	PECE            bool    // evaluate the corrected state too: up to two calls a step
	LowerOrderFinal bool    // lower the orders towards the end
	LowerOrderZero  bool    // the same, but only if the run ends at zero (ComfyUI)

	// SimpleOrder2 integrates the linear term of two estimates of x₀ as h²/2, not
	// exactly: the same order of convergence, and what the authors and diffusers do.
	SimpleOrder2 bool
}

func (s SASolver) name() string {
	switch {
	case s.asNamed():
		return "sa_solver_2"
	case s.PECE:
		return "sa_solver_pece"
	}
	return "sa_solver"
}

// asNamed says whether the options are those of the scheduler class's sampler.
func (s SASolver) asNamed() bool {
	orders := s.PredictorOrder == 0 && s.CorrectorOrder == 0 && s.LowerOrderFinal && !s.LowerOrderZero && s.SimpleOrder2
	return orders && s.Tau.isDefault() && s.SNoise == 0 && !s.Epsilon && !s.PECE
}

func (s SASolver) fit(c Solver) SASolver {
	return ofClass(s, s.asNamed(), c)
}

// Sample implements [Sampler].
func (s SASolver) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "sa_solver", denoise, x, sigmas)
	if err != nil {
		return err
	}
	taus, err := s.begin(sigmas, noise)
	if err != nil {
		return err
	}

	steps := len(sigmas) - 1
	estimates := newHistory(max(s.PredictorOrder, s.CorrectorOrder), len(x)) // of x₀ or ε
	start, fresh := make([]float32, len(x)), make([]float32, len(x))         // of the last step
	for i := range steps {
		replaced := reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		s.estimate(ctx, estimates.push(), x, est.Denoised, sigma)
		predictor, corrector := s.orders(i, steps, sigmas[steps] == 0)

		if i > 0 && !replaced { // correct: the last step again, now with the estimate at its end
			copy(x, start)
			cx, c, up := s.adams(sigmas[i-1], sigma, back(sigmas, i, corrector), taus[i-1])
			combine(ctx, x, cx, c, estimates)
			addScaled(ctx, x, x, up, fresh)
			if s.PECE {
				if est, err = denoise(ctx, x, sigma); err != nil {
					return stepError(i, sigma, err)
				}
				s.estimate(ctx, estimates[0], x, est.Denoised, sigma)
			}
		}
		if next == 0 {
			copy(x, est.Denoised)
			continue
		}
		if next == sigma {
			continue
		}

		copy(start, x) // predict
		if noise != nil && (taus[i] > 0 || !s.Tau.AtEnd) {
			noise(fresh)
		}
		cx, c, up := s.adams(sigma, next, back(sigmas, i, predictor), taus[i])
		combine(ctx, x, cx, c, estimates)
		addScaled(ctx, x, x, up, fresh)
	}
	return ctx.Err()
}

// begin checks the options, fills in their defaults and returns τ for each step.
func (s *SASolver) begin(sigmas []float64, noise Noise) ([]float64, error) {
	for name, order := range map[string]*int{"predictor": &s.PredictorOrder, "corrector": &s.CorrectorOrder} {
		if *order == 0 {
			*order = 2
		}
		if *order < 1 || *order > 4 {
			return nil, fmt.Errorf("sampler: sa_solver: %s order: have %d, want 1 to 4", name, *order)
		}
	}
	taus, err := s.Tau.list(sigmas)
	if err != nil {
		return nil, err
	}
	for _, tau := range taus {
		if tau > 0 {
			return taus, needNoise("sa_solver", noise)
		}
	}
	return taus, nil
}

// estimate writes what the method combines, of x₀ or ε.
func (s SASolver) estimate(ctx context.Context, dst, x, denoised []float32, sigma float64) {
	if s.Epsilon {
		slope(ctx, dst, x, denoised, sigma)
		return
	}
	copy(dst, denoised)
}

// orders returns how many estimates the predictor and the corrector use at level
// i: all that there are, and where the orders are lowered fewer towards the end. A last
// step to zero has no use for either and does not count.
func (s SASolver) orders(i, steps int, toZero bool) (predictor, corrector int) {
	predictor, corrector = min(s.PredictorOrder, i+1), min(s.CorrectorOrder, i+1)
	if s.LowerOrderFinal || s.LowerOrderZero && toZero {
		left, spare := steps-i, 2
		if toZero {
			left, spare = left-1, 1
		}
		predictor, corrector = min(predictor, left), min(corrector, left+spare)
	}
	return predictor, corrector
}

// back returns the last n levels up to level i, the latest first.
func back(sigmas []float64, i, n int) []float64 {
	levels := make([]float64, 0, 4)
	for k := range n {
		levels = append(levels, sigmas[i-k])
	}
	return levels
}

// adams returns the coefficients of a step: x' = cx·x + Σ c[k]·m[k] + up·noise,
// where m[k] is the estimate at levels[k]. Equations 14 and 17 with σ = e^{−λ}:
// for estimates of x₀ and κ = 1 + τ²,
//
//	cx = (σ'/σ)^κ, c[k] = κ ∫ e^{κ(λ−λ')} L_k(λ) dλ, up = σ'·√(1 − e^{−2τ²h}),
//
// for those of the noise
//
//	cx = 1, c[k] = −(1+τ²) ∫ e^{−λ} L_k(λ) dλ, up = τ·√(σ² − σ'²),
//
// with the Lagrange polynomials L_k of the levels. They are had by solving for
// weights that integrate the powers of (λ−λ')/h.
func (s SASolver) adams(sigma, next float64, levels []float64, tau float64) (cx float64, c []float64, up float64) {
	h := math.Log(sigma / next)
	kappa := 1 + tau*tau
	rate, factor := kappa, kappa*h
	cx, up = math.Pow(next/sigma, kappa), next*math.Sqrt(-math.Expm1(-2*tau*tau*h))
	if s.Epsilon {
		rate, factor = -1, -kappa*h*next
		cx, up = 1, tau*math.Sqrt((sigma-next)*(sigma+next))
	}
	moments := exponentialMoments(rate*h, len(levels))
	if s.SimpleOrder2 && !s.Epsilon && len(levels) == 2 {
		moments[1] = 0.5 - moments[0]
	}
	powers := make([][]float64, len(levels))
	for i := range powers {
		for _, level := range levels {
			powers[i] = append(powers[i], math.Pow(math.Log(next/level)/h, float64(i)))
		}
	}
	c = solve(powers, moments)
	for k := range c {
		c[k] *= factor
	}
	return cx, c, up * cmp.Or(s.SNoise, 1)
}
