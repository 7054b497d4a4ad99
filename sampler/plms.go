package sampler

import (
	"context"
	"fmt"
	"math"
)

// PLMS is the pseudo linear multistep method of Liu et al. (2022), equation 12,
// as Stable Diffusion v1 and diffusers' PNDMScheduler (skip_prk_steps) run it:
// Adams-Bashforth of order four on the noise estimate, its first step made good
// by a second call at its end, the next ones of rising order.
//
// sigmas names the second level twice, for that second call:
//
//	call    0     1     2     3
//	level   s[0]  s[1]  s[2]  s[3]     with s[2] = s[1]
//	step    0→1   0→1   2→3   3→4      call 1 repeats the first step
//
// A list without the doubled level, which diffusers makes of the tail of a
// schedule for image-to-image, is run as diffusers does: call 1 still repeats
// the first step, and call 2 then takes x, which is at s[1], to be at s[2]. At
// unit variance that leaves x as it is.
//
// https://arxiv.org/abs/2202.09778
type PLMS struct {
	// VPrediction combines the model's outputs as v and not as noise, as
	// diffusers does for a model of that kind: the two differ in the second
	// order.
	VPrediction bool

	// From and To are the levels that each call's step goes between, where they
	// are not those above; see [DDIM].
	From, To []float64
}

// Sample implements [Sampler].
func (s PLMS) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	if err := checkSigmas("plms", sigmas, true); err != nil {
		return err
	}
	denoise, err := checked("plms", denoise, x)
	if err != nil {
		return err
	}
	calls := len(sigmas) - 1
	if err := checkHops("plms", s.From, calls); err != nil {
		return err
	}
	if err := checkHops("plms", s.To, calls); err != nil {
		return err
	}
	if (s.From == nil) != (s.To == nil) {
		return fmt.Errorf("sampler: plms: have only one of From and To, want both or none")
	}

	outputs := newHistory(4, len(x)) // of the model
	start := make([]float32, len(x)) // x of the first call
	second := make([]float32, len(x))
	combined := make([]float32, len(x))
	known := 0
	at := sigmas[0] // the level that x is at
	for i := range calls {
		sigma := sigmas[i]
		relabel(x, at, sigma)
		denoised, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		from, to := s.hop(sigmas, i)
		switch i {
		case 1: // the first step again, with the mean of its two ends
			s.output(second, x, denoised, sigma)
			mix(combined, 0.5, second, 0.5, outputs[0])
			copy(x, start)
			relabel(x, sigmas[0], from)
		default:
			s.output(outputs.push(), x, denoised, sigma)
			known = min(known+1, 4)
			adamsBashforth(combined, outputs[:known])
			if i == 0 {
				copy(start, x)
			}
		}
		s.step(x, combined, from, to)
		at = to
	}
	relabel(x, at, sigmas[calls])
	return nil
}

// hop returns the levels that the step of call i goes between.
func (s PLMS) hop(sigmas []float64, i int) (from, to float64) {
	switch {
	case s.From != nil:
		return s.From[i], s.To[i]
	case i == 1:
		return sigmas[0], sigmas[1]
	}
	return sigmas[i], sigmas[i+1]
}

// output recovers the model's output from its estimate of the clean latents:
// ε = (x − D)/σ, or v = (x/(1+σ²) − D)·√(1+σ²)/σ.
func (s PLMS) output(dst, x, denoised []float32, sigma float64) {
	if !s.VPrediction {
		slope(dst, x, denoised, sigma)
		return
	}
	c := math.Sqrt(1+sigma*sigma) / sigma
	mix(dst, c/(1+sigma*sigma), x, -c, denoised)
}

// step takes x along the noise estimate ε, which for v is (√(1+σ²)·v + σ·x)/(1+σ²).
func (s PLMS) step(x, output []float32, from, to float64) {
	dt := to - from
	if !s.VPrediction {
		addScaled(x, x, dt, output)
		return
	}
	scale := dt / (1 + from*from)
	mix(x, 1+scale*from, x, scale*math.Sqrt(1+from*from), output)
}

// adamsBashforth combines one to four outputs, the latest first, into the output
// of the step. The coefficients are those of the method of that order.
func adamsBashforth(dst []float32, outputs [][]float32) {
	coefficients := [][]float64{
		{1},
		{3. / 2, -1. / 2},
		{23. / 12, -16. / 12, 5. / 12},
		{55. / 24, -59. / 24, 37. / 24, -9. / 24},
	}[len(outputs)-1]
	clear(dst)
	combine(dst, 0, coefficients, outputs)
}
