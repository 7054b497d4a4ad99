package sampler

import (
	"context"
	"math"
)

// dpmStages takes steps of DPM-Solver-1, -2 and -3 (Lu et al. 2022a, section 3),
// whose stages lie within the step, over t = λ = −log σ. It remembers the slopes
// at the start and the stages of a step, so that solutions of two orders share
// them.
//
// https://arxiv.org/abs/2206.00927
type dpmStages struct {
	ctx     context.Context
	denoise Denoiser
	index   int

	slopes [3][]float32 // ε at the start, at the first stage and at the second
	known  int          // how many of them
	stage  []float32
}

func newDPMStages(ctx context.Context, denoise Denoiser, x []float32) *dpmStages {
	s := &dpmStages{ctx: ctx, denoise: denoise, stage: make([]float32, len(x))}
	for i := range s.slopes {
		s.slopes[i] = make([]float32, len(x))
	}
	return s
}

// begin forgets the slopes of the last step.
func (s *dpmStages) begin(index int) { s.index, s.known = index, 0 }

// eval computes slope k from x at t, unless it is known.
func (s *dpmStages) eval(k int, x []float32, t float64) error {
	if k < s.known {
		return nil
	}
	sigma := math.Exp(-t)
	est, err := s.denoise(s.ctx, x, sigma)
	if err != nil {
		return stepError(s.index, sigma, err)
	}
	slope(s.ctx, s.slopes[k], x, est.Denoised, sigma)
	s.known = k + 1
	return nil
}

// advance writes the solution of the given order at next to dst. r1 is the place of
// the first stage in the step; zero means the order's own, 1/2 or 1/3.
func (s *dpmStages) advance(dst, x []float32, order int, t, next, r1 float64) error {
	h := next - t
	sigma := func(t float64) float64 { return math.Exp(-t) }
	if err := s.eval(0, x, t); err != nil {
		return err
	}
	if order == 1 {
		addScaled(s.ctx, dst, x, sigma(next)-sigma(t), s.slopes[0])
		return nil
	}
	if r1 == 0 {
		r1 = 1 / float64(order)
	}
	t1 := t + r1*h
	if s.known < 2 {
		addScaled(s.ctx, s.stage, x, sigma(t1)-sigma(t), s.slopes[0])
	}
	if err := s.eval(1, s.stage, t1); err != nil {
		return err
	}
	// an exact first term, then the finite difference of the slopes
	expand := func(dst []float32, to, c float64, k int) {
		a := sigma(to) - sigma(t)
		mix(s.ctx, dst, a-c, s.slopes[0], c, s.slopes[k])
		addScaled(s.ctx, dst, x, 1, dst)
	}
	if order == 2 {
		expand(dst, next, (sigma(next)-sigma(t))/(2*r1), 1)
		return nil
	}
	const r2 = 2. / 3
	t2 := t + r2*h
	linear := func(to float64) float64 { // −σ·((e^k − 1)/k − 1), k the way to there
		return sigma(to) * (1 - math.Expm1(to-t)/(to-t))
	}
	if s.known < 3 {
		expand(s.stage, t2, linear(t2)*r2/r1, 1)
	}
	if err := s.eval(2, s.stage, t2); err != nil {
		return err
	}
	expand(dst, next, linear(next)/r2, 2)
	return nil
}
