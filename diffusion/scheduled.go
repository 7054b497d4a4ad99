package diffusion

import (
	"context"
	"errors"
	"fmt"
	"math"

	"sdgo/sampler"
)

// ScaledGuider is guidance with a scale: [ClassifierFree], [Rescaled], [Projected],
// [ZeroStar], or one of the caller's own.
type ScaledGuider interface {
	Guider

	// WithScale returns the same guidance with another scale, 0 to 1000, where zero does
	// not stand for the usual one.
	WithScale(scale float64) Guider
}

// Scheduled is guidance whose scale changes over the run (Wang et al. 2024, which find that
// scales that grow, [LinearScale] and [CosineScale], serve better than constant ones).
// Both predictions are made in every call; [LimitedInterval] around it spares one.
//
// https://arxiv.org/abs/2404.13040
type Scheduled struct {
	Guider ScaledGuider  // whose own scale is not heeded. Nil means ClassifierFree
	Scale  ScaleSchedule // 0 to 1000 everywhere
}

// ScaleSchedule says which scale guidance has where in a run: [LinearScale], [CosineScale],
// [ScaleList], or a function of the caller's own, which says the same whenever it is asked
// the same. A run that is resumed tells it from others as a [Guider] is told.
type ScaleSchedule interface {
	// ScaleAt returns the scale of a call of the model: step is where it stands among the
	// run's steps, as [Predictions.Step] says, 0 to steps−1, and sigma is its noise level.
	ScaleAt(step float64, steps int, sigma float64) float64
}

// Needs implements [Guider].
func (g Scheduled) Needs(sigma float64) []Condition {
	if g.Guider == nil {
		return ClassifierFree{}.Needs(sigma)
	}
	return g.Guider.Needs(sigma)
}

// Guide implements [Guider].
func (g Scheduled) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	if p == nil {
		return sampler.Estimate{}, p.have(Cond)
	}
	step, steps := p.Step()
	if err := g.check(steps); err != nil {
		return sampler.Estimate{}, err
	}
	scale := g.Scale.ScaleAt(step, steps, p.Sigma)
	if err := checkScale("scheduled", "a scale", scale); err != nil {
		return sampler.Estimate{}, fmt.Errorf("%w, at step %.4g of %d", err, step, steps)
	}
	if g.Guider == nil {
		return ClassifierFree{}.WithScale(scale).Guide(ctx, p)
	}
	return g.Guider.WithScale(scale).Guide(ctx, p)
}

// check implements checked.
func (g Scheduled) check(steps int) error {
	if g.Scale == nil {
		return errors.New("scheduled: have no Scale, want one such as LinearScale")
	}
	if err := checkInner("scheduled", g.Scale, steps); err != nil {
		return err
	}
	return checkInner("scheduled", g.Guider, steps)
}

// leastScale stands for a scale of zero, which a Guider's field would take for the usual
// one: no prediction is changed by so small a share.
const leastScale = 1e-30

// exactScale is the field of a Guider that means a scale.
func exactScale(scale float64) float64 {
	if scale == 0 {
		return leastScale
	}
	return scale
}

// WithScale implements [ScaledGuider].
func (g ClassifierFree) WithScale(scale float64) Guider {
	g.Scale = exactScale(scale)
	return g
}

// checkScale wants a scale in its range. What names the field.
func checkScale(guider, what string, scale float64) error {
	if !(scale >= 0 && scale <= maxGuidance) {
		return fmt.Errorf("%s: have %s of %v, want 0 to %d", guider, what, scale, maxGuidance)
	}
	return nil
}

// Timestep returns the model's time of the call, 0 to 999 for most models, or 0 if p is of
// no run.
func (p *Predictions) Timestep() float64 {
	if p == nil {
		return 0
	}
	return p.timestep
}

// Step returns where the call of the model stands in the run: 0 for the first noise level,
// 1 for the second, in between (on the logarithm of the level) for calls of samplers that
// look between two, at most steps−1. Steps is how many there are, 0 if p is of no run.
func (p *Predictions) Step() (step float64, steps int) {
	if p == nil || len(p.levels) < 2 {
		return 0, 0
	}
	levels := p.levels[:len(p.levels)-1]
	if p.Sigma >= levels[0] {
		return 0, len(levels)
	}
	for i, next := range levels[1:] {
		if p.Sigma >= next {
			return float64(i) + math.Log(levels[i]/p.Sigma)/math.Log(levels[i]/next), len(levels)
		}
	}
	return float64(len(levels) - 1), len(levels)
}
