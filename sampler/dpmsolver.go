package sampler

import (
	"context"
	"fmt"
	"math"
)

// DPMSolver is the multistep family of Lu et al.: DPM-Solver++ (2022b, sections 4
// and appendix B) and DPM-Solver (2022a), orders one to three, each with its SDE
// form (2022b, section 5), as in diffusers' DPMSolverMultistepScheduler. The zero
// value is DPM-Solver++(2M), the same method as [DPMPP2M].
//
// Order 3 is as in the authors' code, which everyone follows: its second
// derivative is half of the true one, so it converges with order two, only with a
// smaller error.
//
// https://arxiv.org/abs/2211.01095
// https://arxiv.org/abs/2206.00927
type DPMSolver struct {
	Order int // 1 to 3. Zero means 2

	Epsilon bool // combine estimates of the noise (DPM-Solver), not of x₀ (DPM-Solver++)
	SDE     bool // add noise at every step: the reverse SDE instead of the ODE
	Heun    bool // solver_type heun: exact integral of the linear term, not midpoint. For order 2

	LowerOrderFinal bool    // the last step is of order 1, the one before it of at most 2
	EulerAtFinal    bool    // the last step is of order 1
	SNoise          float64 // scale of the noise of SDE. Zero means 1
}

// Sample implements [Sampler].
func (s DPMSolver) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin("dpmsolver", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Order == 0 {
		s.Order = 2
	}
	if s.Order < 1 || s.Order > 3 || s.Order == 3 && s.SDE && s.Epsilon {
		return fmt.Errorf("sampler: dpmsolver: order: have %d, want 1 to 3, or 2 with SDE and Epsilon", s.Order)
	}
	if s.SDE {
		if err := needNoise("dpmsolver", noise); err != nil {
			return err
		}
	}

	steps := len(sigmas) - 1
	history := make([][]float32, s.Order) // estimates of x₀ or ε, the latest first
	for i := range history {
		history[i] = make([]float32, len(x))
	}
	fresh := make([]float32, len(x))
	for i := range steps {
		sigma, next := sigmas[i], sigmas[i+1]
		denoised, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		oldest := history[s.Order-1]
		copy(history[1:], history)
		history[0] = oldest
		if s.Epsilon {
			slope(oldest, x, denoised, sigma)
		} else {
			copy(oldest, denoised)
		}
		if next == sigma {
			continue
		}

		order := min(i+1, s.Order)
		switch {
		case i == steps-1 && (s.EulerAtFinal || s.LowerOrderFinal), next == 0:
			order = 1
		case i == steps-2 && s.LowerOrderFinal:
			order = min(order, 2)
		}
		cx, c, up := s.coefficients(sigmas, i, order)
		combine(x, cx, c, history)
		if up > 0 {
			noise(fresh)
			addScaled(x, x, up*orOne(s.SNoise), fresh)
		}
	}
	return nil
}

// coefficients returns those of step i: x' = cx·x + Σ c[k]·m[k] + up·noise, where
// m[k] is the estimate from k steps ago.
//
// With λ = −log σ, a step h in λ and r = σ'/σ = e^{−h}, the step is a Taylor
// expansion in the derivatives D1 and D2 of the estimate, by finite differences,
// under the exact integrals a0, a1 and a2.
func (s DPMSolver) coefficients(sigmas []float64, i, order int) (cx float64, c []float64, up float64) {
	sigma, next := sigmas[i], sigmas[i+1]
	r := next / sigma
	h := -math.Log(r)
	var a0, a1, a2 float64
	switch {
	case !s.Epsilon && !s.SDE:
		cx, a0 = r, 1-r
		a1, a2 = 1-(1-r)/h, 0.5-(r-1+h)/(h*h)
		if order == 2 && !s.Heun {
			a1 = a0 / 2
		}
	case !s.Epsilon && s.SDE:
		g := (1 - r) * (1 + r)
		cx, a0, up = r*r, g, next*math.Sqrt(g)
		a1, a2 = 1-g/(2*h), (g-2*h)/(4*h*h)-0.5
		if order == 2 && !s.Heun {
			a1 = a0 / 2
		}
	default:
		cx, a0 = 1, next-sigma
		a1, a2 = next-(sigma-next)/h, 0.5*next-(sigma-next-next*h)/(h*h)
		if order == 2 && !s.Heun {
			a1 = a0 / 2
		}
		if s.SDE {
			a0, a1, up = 2*a0, 2*a1, math.Sqrt((sigma-next)*(sigma+next))
		}
	}
	if order == 1 {
		return cx, []float64{a0}, up
	}
	r0 := math.Log(sigmas[i-1]/sigma) / h
	if order == 2 {
		return cx, []float64{a0 + a1/r0, -a1 / r0}, up
	}
	r1 := math.Log(sigmas[i-2]/sigmas[i-1]) / h
	p := (a1*(2*r0+r1) + a2) / (r0 + r1) // of (m0−m1)/r0
	q := -(a1*r0 + a2) / (r0 + r1)       // of (m1−m2)/r1
	return cx, []float64{a0 + p/r0, q/r1 - p/r0, -q / r1}, up
}
