package diffusion

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sdgo/sampler"
)

// Rescaled is guidance whose standard deviation is brought back towards that of the
// prediction with the prompt (Lin et al. 2023, section 3.4), which large scales raise: the
// picture keeps its contrast. It works on what the U-Net predicts; of another Guider's
// estimate that is what the U-Net would have to predict for it.
//
// https://arxiv.org/abs/2305.08891
type Rescaled struct {
	Scale float64 // of [ClassifierFree]. Zero means 7.5. Beside a Guider it is zero
	Share float64 // φ, how much of the way back, 0 to 1

	Guider Guider // whose estimate it is. Nil means ClassifierFree of Scale
}

// Needs implements [Guider].
func (g Rescaled) Needs(sigma float64) []Condition {
	if g.Guider == nil {
		return ClassifierFree{}.Needs(sigma)
	}
	return andCond(g.Guider.Needs(sigma))
}

// andCond adds the prompt to what a Guider needs, unless that is nothing, which is wrong.
func andCond(asked []Condition) []Condition {
	if len(asked) == 0 || slices.Contains(asked, Cond) {
		return asked
	}
	return append(slices.Clone(asked), Cond)
}

// WithScale implements [ScaledGuider]. The scale is that of Guider, if there is one: it is
// an error where that is no ScaledGuider.
func (g Rescaled) WithScale(scale float64) Guider {
	if inner, ok := g.Guider.(ScaledGuider); ok {
		g.Guider = inner.WithScale(scale)
	} else {
		g.Scale = exactScale(scale)
	}
	return g
}

// Guide implements [Guider].
func (g Rescaled) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	est, guided, err := g.guide(ctx, p)
	if err != nil || guided == nil {
		return est, err
	}
	factor := float32(g.Share*std(p.Output(Cond))/std(guided) + (1 - g.Share))
	for i := range guided {
		guided[i] *= factor
	}
	est.Denoised = p.estimate(guided)
	return est, nil
}

// guide returns the guided output of the U-Net, and of another Guider the estimate: alone
// where that is to stay as it is.
func (g Rescaled) guide(ctx context.Context, p *Predictions) (est sampler.Estimate, guided []float32, err error) {
	if err := p.have(Cond); err != nil {
		return est, nil, err
	}
	if g.Guider == nil {
		guided, err = ClassifierFree{g.Scale}.combine(p)
		return est, guided, err
	}
	if err := g.checkScale(); err != nil {
		return est, nil, err
	}
	est, err = g.Guider.Guide(ctx, p)
	if err != nil || len(est.Denoised) != len(p.X) || p.Sigma == 0 {
		return est, nil, err // of a wrong length, which the caller sees
	}
	guided = p.scratch()
	p.unclean(guided, est.Denoised)
	return est, guided, nil
}

// check implements checked.
func (g Rescaled) check(steps int) error {
	if !(g.Share >= 0 && g.Share <= 1) {
		return fmt.Errorf("rescaled: have Share %v, want 0 to 1", g.Share)
	}
	if err := g.checkScale(); err != nil {
		return err
	}
	return checkInner("rescaled", g.Guider, steps)
}

// checkScale wants no scale that is not heeded.
func (g Rescaled) checkScale() error {
	if g.Guider != nil && g.Scale != 0 {
		return fmt.Errorf("rescaled: have a Scale of %v for a %T, want 0: that has a scale of its own, or none", g.Scale, g.Guider)
	}
	return nil
}

// std is the standard deviation of a sample.
func std(x []float32) float64 {
	var mean, sum float64
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		sum += float64(d * d)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}
