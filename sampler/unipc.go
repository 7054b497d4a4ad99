package sampler

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// UniPC is the unified predictor-corrector of Zhao et al. (2023), Algorithms 5 to
// 8, in multistep form: a corrector uses each model call a second time to improve
// the step that led to it.
//
// Other programs have it of third order with BH1, the published default: ComfyUI to
// 0.001, and Stable Diffusion WebUI over levels of its own, evenly spaced in time and
// down to the lowest of the training.
//
// A step to zero is of first order, where the estimate itself is exact. The
// reference, diffusers, gives NaN there with BH1 and without LowerOrderFinal.
//
// https://arxiv.org/abs/2302.04867
type UniPC struct {
	Order            int   // 1 to 3. Zero means 2
	BH1              bool  // B(h) = h (bh1), not e^h − 1 (bh2)
	Epsilon          bool  // combine estimates of the noise, not of x₀
	LowerOrderFinal  bool  // lower the order towards the end
	DisableCorrector []int // steps, counted from 0, that are not corrected

	// End is the level at which a run to zero ends instead: ComfyUI's 0.001, below
	// the levels of a run. Zero means zero.
	End float64
}

func (s UniPC) name() string {
	switch {
	case s.asNamed():
		return "unipc_2"
	case s.BH1:
		return "unipc"
	}
	return "unipc_bh2"
}

// asNamed says whether the options are those of the scheduler class's sampler.
func (s UniPC) asNamed() bool {
	return s.Order == 0 && !s.BH1 && !s.Epsilon && s.LowerOrderFinal && s.DisableCorrector == nil && s.End == 0
}

func (s UniPC) fit(c Solver) UniPC {
	return ofClass(s, s.asNamed(), c)
}

// Sample implements [Sampler].
func (s UniPC) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "unipc", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Order == 0 {
		s.Order = 2
	}
	if s.Order < 1 || s.Order > 3 {
		return fmt.Errorf("sampler: unipc: order: have %d, want 1 to 3", s.Order)
	}
	if !(s.End >= 0) || math.IsInf(s.End, 1) {
		return fmt.Errorf("sampler: unipc: end: have %g, want a number from 0", s.End)
	}
	uncorrected := map[int]bool{}
	for _, i := range s.DisableCorrector {
		uncorrected[i] = true
	}

	steps := len(sigmas) - 1
	if sigmas[steps] == 0 && s.End < sigmas[steps-1] {
		sigmas = append(slices.Clone(sigmas[:steps]), s.End)
	}
	estimates := newHistory(s.Order+1, len(x)) // one more than a step uses, for the corrector
	start := make([]float32, len(x))           // of the last step
	order := 0                                 // of the last step
	for i := range steps {
		replaced := reached(ctx, sigmas, i, x)
		est, err := denoise(ctx, x, sigmas[i])
		if err != nil {
			return stepError(i, sigmas[i], err)
		}
		if s.Epsilon {
			slope(ctx, estimates.push(), x, est.Denoised, sigmas[i])
		} else {
			copy(estimates.push(), est.Denoised)
		}
		if i > 0 && !uncorrected[i-1] && !replaced {
			copy(x, start)
			cx, c := s.corrector(sigmas, i-1, order)
			combine(ctx, x, cx, c, estimates)
		}
		if sigmas[i+1] == sigmas[i] {
			continue
		}
		order = min(s.Order, i+1)
		switch {
		case sigmas[i+1] == 0:
			order = 1
		case s.LowerOrderFinal:
			order = min(order, steps-i)
		}
		copy(start, x)
		cx, c := s.predictor(sigmas, i, order)
		combine(ctx, x, cx, c, estimates)
	}
	return ctx.Err()
}

// predictor returns the coefficients of x and of the estimates at levels i, i−1, …
// in the step from level i.
func (s UniPC) predictor(sigmas []float64, i, order int) (cx float64, c []float64) {
	terms := s.terms(sigmas, i, order)
	c = make([]float64, order)
	c[0] = -terms.scale * terms.phi1
	if order == 1 {
		return terms.cx, c
	}
	rhos := []float64{0.5}
	if order > 2 {
		rhos = solve(terms.powers(order-1, order-1), terms.b[:order-1])
	}
	for k, rho := range rhos { // D = (m[k+1] − m[0])/r[k]
		w := -terms.scale * terms.bh * rho / terms.r[k]
		c[k+1] += w
		c[0] -= w
	}
	return terms.cx, c
}

// corrector returns the coefficients of the same step, with the estimate at its
// end first.
func (s UniPC) corrector(sigmas []float64, i, order int) (cx float64, c []float64) {
	terms := s.terms(sigmas, i, order)
	c = make([]float64, order+1)
	c[1] = -terms.scale * terms.phi1
	rhos := []float64{0.5}
	if order > 1 {
		rhos = solve(terms.powers(order, order), terms.b)
	}
	for k, rho := range rhos {
		w := -terms.scale * terms.bh * rho / terms.r[k]
		if k == order-1 { // the end of the step, r = 1
			c[0] += w
		} else {
			c[k+2] += w
		}
		c[1] -= w
	}
	return terms.cx, c
}

// uniTerms holds what predictor and corrector share.
type uniTerms struct {
	cx, scale float64   // of x, and of everything else
	phi1, bh  float64   // e^h − 1 and B(h)
	r         []float64 // places of the estimates in the step, the last 1
	b         []float64 // right hand side
}

func (s UniPC) terms(sigmas []float64, i, order int) uniTerms {
	sigma, next := sigmas[i], sigmas[i+1]
	h := math.Log(sigma / next)
	u := uniTerms{cx: 1, scale: next}
	for k := 1; k < order; k++ {
		u.r = append(u.r, -math.Log(sigmas[i-k]/sigma)/h)
	}
	u.r = append(u.r, 1)
	if !s.Epsilon {
		h = -h
		u.cx, u.scale = next/sigma, 1
	}
	u.phi1 = math.Expm1(h)
	u.bh = u.phi1
	if s.BH1 {
		u.bh = h
	}
	if math.IsInf(h, 0) { // to zero, where order is 1 and B(h) does not enter
		return u
	}
	phi, factorial := u.phi1/h-1, 1.0
	for k := 1; k <= order; k++ {
		u.b = append(u.b, phi*factorial/u.bh)
		factorial *= float64(k + 1)
		phi = phi/h - 1/factorial
	}
	return u
}

// powers returns the rows r⁰, r¹, … of the first columns places.
func (u uniTerms) powers(rows, columns int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, columns)
		for j := range m[i] {
			m[i][j] = math.Pow(u.r[j], float64(i))
		}
	}
	return m
}
