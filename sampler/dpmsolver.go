package sampler

import (
	"cmp"
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

	// Inverse runs from clean latents to the noise that makes them, over positive
	// levels that rise: diffusers' DPMSolverMultistepInverseScheduler. Not with SDE.
	Inverse bool
}

func (s DPMSolver) name() string {
	switch {
	case s.Inverse:
		return "dpmpp_2m_inverse"
	case s.Order == 3:
		return "dpmpp_3m"
	}
	return "dpmsolver_multistep"
}

func (s DPMSolver) fit(c Solver) DPMSolver {
	return ofClass(s, s == DPMSolver{}, c)
}

// Sample implements [Sampler].
func (s DPMSolver) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := s.begin(ctx, denoise, x, sigmas)
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
	estimates := newHistory(s.Order, len(x)) // of x₀ or ε
	fresh := make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		if s.Epsilon {
			slope(ctx, estimates.push(), x, est.Denoised, sigma)
		} else {
			copy(estimates.push(), est.Denoised)
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
		combine(ctx, x, cx, c, estimates)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	return ctx.Err()
}

// begin is that of all samplers, and for Inverse wants levels of the other order.
func (s DPMSolver) begin(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64) (Denoiser, error) {
	if !s.Inverse {
		return begin(ctx, "dpmsolver", denoise, x, sigmas)
	}
	if err := checkRising("dpmsolver inverse", sigmas); err != nil {
		return nil, err
	}
	if s.SDE || sigmas[0] == 0 {
		return nil, fmt.Errorf("sampler: dpmsolver inverse: have SDE %v and levels from %g, want no SDE and positive levels", s.SDE, sigmas[0])
	}
	return checked(ctx, "dpmsolver inverse", denoise, x)
}

// coefficients returns those of step i: x' = cx·x + Σ c[k]·m[k] + up·noise, where
// m[k] is the estimate from k steps ago.
func (s DPMSolver) coefficients(sigmas []float64, i, order int) (cx float64, c []float64, up float64) {
	terms := dpmIntegrals(sigmas[i], sigmas[i+1], s.Epsilon, s.SDE)
	h := math.Log(sigmas[i] / sigmas[i+1])
	if order == 1 {
		return terms.cx, []float64{terms.a0}, terms.up
	}
	r0 := math.Log(sigmas[i-1]/sigmas[i]) / h
	if order == 2 {
		a1 := terms.a1
		if !s.Heun {
			a1 = terms.a0 / 2
		}
		return terms.cx, []float64{terms.a0 + a1/r0, -a1 / r0}, terms.up
	}
	r1 := math.Log(sigmas[i-2]/sigmas[i-1]) / h
	p := (terms.a1*(2*r0+r1) + terms.a2) / (r0 + r1) // of (m0−m1)/r0
	q := -(terms.a1*r0 + terms.a2) / (r0 + r1)       // of (m1−m2)/r1
	return terms.cx, []float64{terms.a0 + p/r0, q/r1 - p/r0, -q / r1}, terms.up
}
