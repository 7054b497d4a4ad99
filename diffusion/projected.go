package diffusion

import (
	"context"
	"fmt"
	"math"

	"sdgo/sampler"
)

// Projected is adaptive projected guidance (Sadat et al. 2024, algorithm 1), which bears
// large scales without oversaturation. The difference of the estimates with and without the
// prompt, with a momentum over the calls, is bounded in length, and what of it is parallel
// to the estimate with the prompt counts less:
//
//	Δ = D(cond) − D(uncond) + β·Δ of the call before
//	D = D(cond) + (w−1)·min(1, r/‖Δ‖)·(Δ⊥ + η·Δ∥)
//
// With Parallel 1, no momentum and no bound that is [ClassifierFree]. For
// Stable Diffusion XL the paper takes β −0.5, η 0 and r 15, which is a length over all of an
// image's latents. The momentum is over calls of the model, of which some samplers make two
// a step.
//
// https://arxiv.org/abs/2410.02416
type Projected struct {
	Scale    float64 // w. Zero means 7.5
	Parallel float64 // η, 0 to 1
	Norm     float64 // r, above 0. Zero means no bound
	Momentum float64 // β, −1 to 1, mostly negative. Kept for each image in [Predictions.State]
}

// Needs implements [Guider].
func (Projected) Needs(sigma float64) []Condition { return ClassifierFree{}.Needs(sigma) }

// WithScale implements [ScaledGuider].
func (g Projected) WithScale(scale float64) Guider {
	g.Scale = exactScale(scale)
	return g
}

// Guide implements [Guider].
func (g Projected) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	if err := p.have(Uncond, Cond); err != nil {
		return sampler.Estimate{}, err
	}
	cond, guided := p.Denoised(Cond), p.scratch()
	diff := g.difference(p)
	var length, along, norm float64 // squares, and the product
	for i, d := range diff {
		a, b := float64(d), float64(cond[i])
		length += float64(a * a)
		along += float64(a * b)
		norm += float64(b * b)
	}
	scale := g.Scale
	if scale == 0 {
		scale = defaultGuidance
	}
	scale--
	if g.Norm > 0 && length > 0 {
		scale *= min(1, g.Norm/math.Sqrt(length))
	}
	less := 0.0 // the share of cond that is taken from diff
	if norm > 0 {
		less = (1 - g.Parallel) * along / norm
	}
	for i, d := range diff {
		c := float64(cond[i])
		guided[i] = float32(c + float64(scale*(float64(d)-float64(less*c))))
	}
	return sampler.Estimate{Denoised: guided}, nil
}

// difference returns Δ, and keeps it if the next call adds to it.
func (g Projected) difference(p *Predictions) []float32 {
	cond, uncond, momentum := p.Denoised(Cond), p.Denoised(Uncond), float32(g.Momentum)
	diff := p.scratch() // each element is read before Guide writes it
	if momentum != 0 {
		diff = p.State()
	}
	for i, c := range cond {
		d := c - uncond[i]
		if momentum != 0 {
			d += float32(momentum * diff[i])
		}
		diff[i] = d
	}
	return diff
}

// check implements checked.
func (g Projected) check(int) error {
	if err := checkScale("projected", "a Scale", g.Scale); err != nil {
		return err
	}
	switch {
	case !(g.Parallel >= 0 && g.Parallel <= 1):
		return fmt.Errorf("projected: have Parallel %v, want 0 to 1", g.Parallel)
	case !(g.Norm >= 0) || math.IsInf(g.Norm, 0):
		return fmt.Errorf("projected: have Norm %v, want above 0, or 0 for no bound", g.Norm)
	case !(g.Momentum >= -1 && g.Momentum <= 1):
		return fmt.Errorf("projected: have Momentum %v, want -1 to 1", g.Momentum)
	}
	return nil
}
