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
// So n+1 calls make n steps, the first of which is done after two calls; of a single
// call that is left of a schedule's tail, there is one step.
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

func (PLMS) name() string { return "plms" }

func (s PLMS) fit(c Solver) PLMS {
	return ofClass(s, !s.VPrediction && s.From == nil && s.To == nil, c)
}

// Sample implements [Sampler].
func (s PLMS) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	s = fitting(ctx, s, sigmas)
	hops := plmsHops{sigmas: sigmas, from: s.From, to: s.To}
	denoise, err := hops.begin(ctx, "plms", denoise, x)
	if err != nil {
		return err
	}
	outputs := newHistory(4, len(x))
	start, output := make([]float32, len(x)), make([]float32, len(x))
	known := 0
	at := sigmas[0] // the level that x is at
	for i := range len(sigmas) - 1 {
		sigma := sigmas[i]
		relabel(ctx, x, at, sigma)
		reachedOf(ctx, sigmas, max(i-1, 0), max(len(sigmas)-2, 1), x, sigma)
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		from, to := hops.at(i)
		modelOutput(ctx, output, x, est.Denoised, sigma, s.VPrediction)
		if i == 1 { // the first step again, with the mean of its two ends
			mix(ctx, output, 0.5, output, 0.5, outputs[0])
			copy(x, start)
			relabel(ctx, x, sigmas[0], from)
		} else {
			copy(outputs.push(), output)
			known = min(known+1, 4)
			adamsBashforth(ctx, output, outputs[:known])
		}
		if i == 0 {
			copy(start, x)
		}
		outputStep(ctx, x, output, from, to, s.VPrediction)
		at = to
	}
	relabel(ctx, x, at, sigmas[len(sigmas)-1])
	return ctx.Err()
}

// plmsHops says between which levels each call's step goes.
type plmsHops struct {
	sigmas, from, to []float64
	rungeKutta       int // calls of Runge-Kutta steps, four a step
}

// at returns the levels of the step of call i.
func (p plmsHops) at(i int) (from, to float64) {
	switch {
	case p.from != nil:
		return p.from[i], p.to[i]
	case i < p.rungeKutta && i%2 == 0:
		return p.sigmas[i/4*4], p.sigmas[i+1]
	case i < p.rungeKutta:
		return p.sigmas[i/4*4], p.sigmas[i]
	case i == 1:
		return p.sigmas[0], p.sigmas[1]
	}
	return p.sigmas[i], p.sigmas[i+1]
}

// begin is begin for a list of levels that the hops allow.
func (p plmsHops) begin(ctx context.Context, name string, denoise Denoiser, x []float32) (Denoiser, error) {
	calls := len(p.sigmas) - 1
	repeats := func(i int) bool { return i <= 2 } // a tail may begin with the doubled level
	if p.rungeKutta > 0 {
		if calls <= p.rungeKutta {
			return nil, fmt.Errorf("sampler: %s: have %d sigmas, want more than %d", name, len(p.sigmas), p.rungeKutta+1)
		}
		repeats = func(i int) bool { return i <= p.rungeKutta } // with a stride of one, also the middle and the end of a step
	}
	if err := checkSigmas(name, p.sigmas, repeats); err != nil {
		return nil, err
	}
	if (p.from == nil) != (p.to == nil) {
		return nil, fmt.Errorf("sampler: %s: have only one of From and To, want both or none", name)
	}
	for _, hops := range [][]float64{p.from, p.to} {
		if err := checkHops(name, hops, calls); err != nil {
			return nil, err
		}
	}
	return checked(ctx, name, denoise, x)
}

// modelOutput recovers the model's output from its estimate of the clean latents:
// ε = (x − D)/σ, or v = (x/(1+σ²) − D)·√(1+σ²)/σ.
func modelOutput(ctx context.Context, dst, x, denoised []float32, sigma float64, v bool) {
	if !v {
		slope(ctx, dst, x, denoised, sigma)
		return
	}
	c := math.Sqrt(1+sigma*sigma) / sigma
	mix(ctx, dst, c/(1+sigma*sigma), x, -c, denoised)
}

// outputStep takes x along the noise estimate ε, which for v is
// (√(1+σ²)·v + σ·x)/(1+σ²).
func outputStep(ctx context.Context, x, output []float32, from, to float64, v bool) {
	dt := to - from
	if !v {
		addScaled(ctx, x, x, dt, output)
		return
	}
	scale := dt / (1 + from*from)
	mix(ctx, x, 1+scale*from, x, scale*math.Sqrt(1+from*from), output)
}

// adamsBashforth combines one to four outputs, the latest first, into the output
// of the step. The coefficients are those of the method of that order.
func adamsBashforth(ctx context.Context, dst []float32, outputs history) {
	coefficients := [][]float64{
		{1},
		{3. / 2, -1. / 2},
		{23. / 12, -16. / 12, 5. / 12},
		{55. / 24, -59. / 24, 37. / 24, -9. / 24},
	}[len(outputs)-1]
	clear(dst)
	combine(ctx, dst, 0, coefficients, outputs)
}
