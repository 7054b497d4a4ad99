package sampler

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// DPMSinglestep is DPM-Solver and DPM-Solver++ in single steps (Lu et al. 2022a,
// 2022b) over levels of the schedule, as in diffusers'
// DPMSolverSinglestepScheduler: a step of order two spans two of its levels and
// one of order three spans three, with their inner levels as stages. The steps
// begin again and again with orders 1, 2 and 3, each from the same start.
//
// https://arxiv.org/abs/2206.00927
// https://arxiv.org/abs/2211.01095
type DPMSinglestep struct {
	Order   int  // 1 to 3. Zero means 2
	Epsilon bool // combine estimates of the noise (DPM-Solver), not of x₀ (DPM-Solver++)
	SDE     bool // add noise at every step. Not with Epsilon
	Heun    bool // solver_type heun, not midpoint

	// Orders is the order at each level; nil has them follow from Order and the
	// number of levels, the last of order 1.
	Orders []int
}

func (DPMSinglestep) name() string { return "dpmsolver_singlestep" }

func (s DPMSinglestep) fit(c Solver) DPMSinglestep {
	return ofClass(s, s.Order == 0 && !s.Epsilon && !s.SDE && !s.Heun && s.Orders == nil, c)
}

// Sample implements [Sampler].
func (s DPMSinglestep) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "dpmsinglestep", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Order == 0 {
		s.Order = 2
	}
	if s.Order < 1 || s.Order > 3 || s.SDE && s.Epsilon {
		return fmt.Errorf("sampler: dpmsinglestep: have order %d, SDE %t and Epsilon %t, want order 1 to 3 and not both of the others", s.Order, s.SDE, s.Epsilon)
	}
	if s.SDE {
		if err := needNoise("dpmsinglestep", noise); err != nil {
			return err
		}
	}
	orders := s.Orders
	if orders == nil {
		orders = singlestepOrders(len(sigmas)-1, s.Order, true, true)
	}
	if len(orders) != len(sigmas)-1 || slices.Min(orders) < 1 || slices.Max(orders) > 3 {
		return fmt.Errorf("sampler: dpmsinglestep: have orders %v, want %d of 1 to 3", orders, len(sigmas)-1)
	}

	estimates := newHistory(3, len(x))
	start, fresh := make([]float32, len(x)), make([]float32, len(x))
	first := 0 // the step behind which a state was replaced last
	for i := range len(sigmas) - 1 {
		if reached(ctx, sigmas, i, x) {
			first = i
		}
		est, err := denoise(ctx, x, sigmas[i])
		if err != nil {
			return stepError(i, sigmas[i], err)
		}
		if s.Epsilon {
			slope(ctx, estimates.push(), x, est.Denoised, sigmas[i])
		} else {
			copy(estimates.push(), est.Denoised)
		}
		order := min(orders[i], i+1-first)
		if order == 1 || sigmas[i+1] == 0 {
			order = 1
			copy(start, x)
		}
		copy(x, start)
		if sigmas[i+1] == sigmas[i+1-order] {
			continue
		}
		cx, c, up := s.coefficients(sigmas, i, order)
		combine(ctx, x, cx, c, estimates)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up, fresh)
		}
	}
	return ctx.Err()
}

// coefficients returns those of the step from the level order−1 before i to the
// one after i: of its start, of the estimates (the latest first) and of noise.
func (s DPMSinglestep) coefficients(sigmas []float64, i, order int) (cx float64, c []float64, up float64) {
	first := sigmas[i+1-order]
	terms := dpmIntegrals(first, sigmas[i+1], s.Epsilon, s.SDE)
	h := math.Log(first / sigmas[i+1])
	place := func(k int) float64 { return math.Log(first/sigmas[k]) / h }
	switch order {
	case 1:
		return terms.cx, []float64{terms.a0}, terms.up
	case 2:
		a1 := terms.a1
		if !s.Heun {
			a1 = terms.a0 / 2
		}
		r := place(i)
		return terms.cx, []float64{a1 / r, terms.a0 - a1/r}, terms.up
	}
	r0, r1 := place(i), place(i-1)
	p, q := terms.a1, 0.0 // of (m0−m2)/r0 and (m1−m2)/r1
	if s.Heun {
		p = (-terms.a1*r1 + 2*terms.a2) / (r0 - r1)
		q = (terms.a1*r0 - 2*terms.a2) / (r0 - r1)
	}
	return terms.cx, []float64{p / r0, q / r1, terms.a0 - p/r0 - q/r1}, terms.up
}

// singlestepOrders lists the orders of [DPMSinglestep] at each of steps levels.
// lowerFinal fits the last orders to the number of levels (which is done anyway if
// it is no multiple of order); toZero makes the last one 1.
func singlestepOrders(steps, order int, lowerFinal, toZero bool) []int {
	orders := make([]int, steps)
	for i := range orders {
		orders[i] = i%order + 1
	}
	if lowerFinal || toZero || steps%order != 0 {
		if order > 1 && steps%order != 2 || toZero {
			orders[steps-1] = 1
		}
	}
	return orders
}
