package sampler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
)

// DPMAdaptive is k-diffusion's "dpm_adaptive": single steps of DPM-Solver (Lu et
// al. 2022a), as long as the difference of two orders allows; a PID controller
// chooses the next step. The number of model calls follows from the tolerances.
// Of sigmas only the ends count; a final zero is left out, so that the run ends
// at the level before it. The difference is that of all of x: of several images in one
// call each depends on the others, unlike with every other sampler.
//
// https://arxiv.org/abs/2206.00927
type DPMAdaptive struct {
	Order  int     // 2 or 3. Zero means 3
	RTol   float64 // tolerance relative to x. Zero means 0.05
	ATol   float64 // absolute tolerance. Zero means 0.0078
	HInit  float64 // the length of the first step in log σ. Zero means 0.05
	P, D   float64 // proportional and differential coefficients of the controller
	I      float64 // integral coefficient. Zero means 1
	Safety float64 // accept a step if the next need not be shorter by more than this. Zero means 0.81
	Eta    float64 // share of noise that is fresh, 0 to 1
	SNoise float64 // scale of the fresh noise. Zero means 1
}

// maxAdaptiveSteps stops a run whose error will not fall.
const maxAdaptiveSteps = 10_000

func (DPMAdaptive) name() string { return "dpm_adaptive" }

// Sample implements [Sampler].
func (s DPMAdaptive) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "dpm_adaptive", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := s.withDefaults(); err != nil {
		return err
	}
	if err := checkEta("dpm_adaptive", s.Eta, noise); err != nil {
		return err
	}
	t, end, err := positiveEnds("dpm_adaptive", sigmas)
	if err != nil {
		return err
	}
	order := float64(s.Order)
	if s.Eta > 0 {
		order = 1.5
	}
	control := pid{h: s.HInit, b1: (s.P + s.I + s.D) / order, b2: -(s.P + 2*s.D) / order, b3: s.D / order, safety: s.Safety}
	stages := newDPMStages(ctx, denoise, x)
	low, high, last, fresh := make([]float32, len(x)), make([]float32, len(x)), clone(x), make([]float32, len(x))
	start, steps := t, len(sigmas)-1
	for step := 0; t < end-1e-5; step++ {
		reachedOf(ctx, sigmas, int(float64(steps)*(t-start)/(end-start)), steps, x, math.Exp(-t)) // its share of the way
		next := math.Min(end, t+control.h)
		if step == maxAdaptiveSteps || next == t {
			return stepError(step, math.Exp(-t), errors.New("dpm_adaptive cannot meet its tolerance"))
		}
		down, up := lambdaAncestral(t, next, end, s.Eta)
		stages.begin(step)
		if err := stages.advance(low, x, s.Order-1, t, down, 1/float64(s.Order)); err != nil {
			return err
		}
		if err := stages.advance(high, x, s.Order, t, down, 0); err != nil {
			return err
		}
		if !control.accept(s.difference(low, high, last)) {
			continue
		}
		last, low = low, last
		copy(x, high)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
		t = next
	}
	return ctx.Err()
}

func (s *DPMAdaptive) withDefaults() error {
	if s.Order == 0 {
		s.Order = 3
	}
	if s.Order != 2 && s.Order != 3 {
		return fmt.Errorf("sampler: dpm_adaptive: order: have %d, want 2 or 3", s.Order)
	}
	for _, option := range []struct {
		name  string
		value *float64
		zero  float64
	}{{"rtol", &s.RTol, 0.05}, {"atol", &s.ATol, 0.0078}, {"h_init", &s.HInit, 0.05}, {"accept_safety", &s.Safety, 0.81}, {"icoeff", &s.I, 1}} {
		if *option.value == 0 {
			*option.value = option.zero
		}
		if !(*option.value > 0) {
			return fmt.Errorf("sampler: dpm_adaptive: %s: have %g, want a positive number", option.name, *option.value)
		}
	}
	return nil
}

// difference is the root mean square of low − high in units of the tolerance.
func (s *DPMAdaptive) difference(low, high, last []float32) float64 {
	sum := 0.0
	for i, l := range low {
		scale := math.Max(s.ATol, s.RTol*math.Max(math.Abs(float64(l)), math.Abs(float64(last[i]))))
		d := (float64(l) - float64(high[i])) / scale
		sum += float64(d * d)
	}
	return math.Sqrt(sum / float64(len(low)))
}

// pid chooses step sizes from the errors of this step and of the last two that
// were accepted.
type pid struct {
	h          float64
	b1, b2, b3 float64
	safety     float64
	errs       [3]float64 // inverse errors, the latest first
}

// accept says whether the step was good enough, and sets h for the next.
func (p *pid) accept(err float64) bool {
	inverse := 1 / (err + 1e-8)
	if p.errs == [3]float64{} {
		p.errs = [3]float64{inverse, inverse, inverse}
	}
	p.errs[0] = inverse
	factor := math.Pow(p.errs[0], p.b1) * math.Pow(p.errs[1], p.b2) * math.Pow(p.errs[2], p.b3)
	factor = 1 + math.Atan(factor-1)
	ok := factor >= p.safety
	if ok {
		p.errs[2], p.errs[1] = p.errs[1], p.errs[0]
	}
	p.h *= factor
	return ok
}
