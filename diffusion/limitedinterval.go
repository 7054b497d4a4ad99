package diffusion

import (
	"context"
	"errors"

	"sdgo/sampler"
)

// LimitedInterval guides at the noise levels of an interval and leaves the prompt alone
// outside (Kynkäänniemi et al. 2024), where that halves the work.
//
// https://arxiv.org/abs/2404.07724
type LimitedInterval struct {
	Guider   Guider   // guides inside
	Interval Interval // the zero value has all levels in it
}

// Interval is a range of noise levels, Low ≤ σ ≤ High. High zero means no upper bound.
type Interval struct{ Low, High float64 }

// contains says whether sigma lies in the range.
func (i Interval) contains(sigma float64) bool {
	return i.Low <= sigma && (i.High == 0 || sigma <= i.High)
}

// Needs implements [Guider].
func (g LimitedInterval) Needs(sigma float64) []Condition {
	if g.Guider == nil || !g.Interval.contains(sigma) {
		return Unguided{}.Needs(sigma)
	}
	return g.Guider.Needs(sigma)
}

// check implements checked.
func (g LimitedInterval) check(steps int) error {
	return checkInner("limited interval", g.Guider, steps)
}

// Guide implements [Guider].
func (g LimitedInterval) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	switch {
	case g.Guider == nil:
		return sampler.Estimate{}, errors.New("limited interval: have no Guider")
	case p == nil || !g.Interval.contains(p.Sigma):
		return Unguided{}.Guide(ctx, p)
	}
	return g.Guider.Guide(ctx, p)
}
