package diffusion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"sdgo/sampler"
)

// Thresholded is dynamic thresholding (Saharia et al. 2022, section 2.3) of what another
// Guider estimates, so that large scales do not saturate: of a percentile of the estimate's
// magnitudes and a bound b the larger is s, and the estimate is clipped to [−s, s] and
// multiplied with b/s.
//
// The paper's pictures have b = 1. Latents reach further, so that the bound is by default
// the percentile of what classifier-free guidance estimates with a smaller scale, Mimic,
// for the same image: an idea of mcmonkey's extension for web UIs, which works on each
// channel about its mean where this is the whole image, as in the paper.
//
// https://arxiv.org/abs/2205.11487
type Thresholded struct {
	Guider     Guider  // whose estimate it is. Nil means ClassifierFree
	Percentile float64 // above 0, to 1. Zero means 0.995
	Bound      float64 // b, above 0. Zero means that of Mimic
	Mimic      float64 // scale, above 0 to 1000, where Bound is zero. Zero means 1, the prompt alone
}

// defaultPercentile is that of diffusers' schedulers.
const defaultPercentile = 0.995

// inner is the Guider whose estimate it is.
func (g Thresholded) inner() Guider {
	if g.Guider == nil {
		return ClassifierFree{}
	}
	return g.Guider
}

// Needs implements [Guider].
func (g Thresholded) Needs(sigma float64) []Condition {
	asked := g.inner().Needs(sigma)
	if g.Bound > 0 {
		return asked
	}
	return andCond(asked)
}

// Guide implements [Guider].
func (g Thresholded) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	if p == nil {
		return sampler.Estimate{}, p.have(Cond)
	}
	est, err := g.inner().Guide(ctx, p)
	if err != nil || len(est.Denoised) != len(p.X) || len(p.X) == 0 {
		return est, err // of a wrong length, which the caller sees
	}
	if err := checkFinite("clean latents", est.Denoised); err != nil {
		return est, err
	}
	sorted := p.buffer("sorted")
	bound := g.Bound
	if bound == 0 {
		if err := g.mimic(sorted, p); err != nil {
			return sampler.Estimate{}, err
		}
		bound = g.percentile(sorted)
	}
	copy(sorted, est.Denoised)
	s := max(g.percentile(sorted), bound)
	limit, share := float32(s), float32(1)
	if s > 0 {
		share = float32(bound / s)
	}
	x := p.buffer("thresholded") // a Thresholded inside has its estimate there
	for i, v := range est.Denoised {
		x[i] = share * min(max(v, -limit), limit)
	}
	est.Denoised = x
	return est, nil
}

// mimic writes what classifier-free guidance estimates with the scale Mimic: the prompt
// alone where the other prediction is not needed.
func (g Thresholded) mimic(out []float32, p *Predictions) error {
	if err := p.have(Cond); err != nil {
		return err
	}
	copy(out, p.Denoised(Cond))
	uncond := p.Denoised(Uncond)
	if uncond == nil || g.Mimic == 0 || g.Mimic == 1 {
		return nil
	}
	scale := float32(g.Mimic)
	for i, u := range uncond {
		out[i] = u + float32(scale*float32(out[i]-u))
	}
	return nil
}

// percentile returns that of the magnitudes of x, between two of them in proportion, and
// leaves these sorted in x.
func (g Thresholded) percentile(x []float32) float64 {
	for i, v := range x {
		x[i] = max(v, -v)
	}
	slices.Sort(x)
	q := g.Percentile
	if q == 0 {
		q = defaultPercentile
	}
	at := q * float64(len(x)-1)
	i := int(at)
	return between(float64(x[i]), float64(x[min(i+1, len(x)-1)]), at-float64(i))
}

// check implements checked.
func (g Thresholded) check(steps int) error {
	switch {
	case !(g.Percentile >= 0 && g.Percentile <= 1):
		return fmt.Errorf("thresholded: have Percentile %v, want above 0, to 1", g.Percentile)
	case !(g.Bound >= 0) || math.IsInf(g.Bound, 0):
		return fmt.Errorf("thresholded: have Bound %v, want above 0, or 0 for that of Mimic", g.Bound)
	case g.Bound != 0 && g.Mimic != 0:
		return errors.New("thresholded: have a Bound and a scale to Mimic, want one of the two")
	}
	if err := checkScale("thresholded", "a Mimic", g.Mimic); err != nil {
		return err
	}
	return checkInner("thresholded", g.Guider, steps)
}
