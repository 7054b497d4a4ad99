package diffusion

import (
	"context"
	"fmt"
	"math"

	"sdgo/sampler"
	"sdgo/unet"
)

// SmoothedEnergy is smoothed-energy guidance (Hong 2024): beside what another Guider does
// it leads away from what the U-Net predicts when the queries of self-attention in some
// layers are blurred, which flattens the energy that attention descends.
//
//	D = D(other guidance) + s·(D(cond) − D(smoothed))
//
// Each call of the model costs one prediction more. It is the code of the paper's author;
// diffusers' guider of that name (0.42) takes the mean where the blur is finite and a
// Gaussian where it is not, and without classifier-free guidance begins with the smoothed
// prediction, which is a scale of one less.
//
// https://arxiv.org/abs/2408.00760
type SmoothedEnergy struct {
	Guider Guider  // what it is added to, [Unguided] for the prompt alone. Nil means ClassifierFree
	Scale  float64 // s, 0 to 1000. Zero means 3

	// Blur is the deviation of the Gaussian, in the layer's pixels. Zero, and more than 9999,
	// mean infinite: all queries are their mean.
	Blur float64

	// Layers are patterns for those whose queries are blurred, see [unet.Perturbation]. Nil
	// means "mid".
	Layers []string

	// Interval is the noise levels at which it is added; outside them its prediction is
	// spared. The zero value means all.
	Interval Interval
}

// blur is the deviation.
func (g SmoothedEnergy) blur() float64 {
	if g.Blur == 0 {
		return math.Inf(1)
	}
	return g.Blur
}

// condition is the name of the prediction.
func (g SmoothedEnergy) condition() Condition {
	return Condition(fmt.Sprintf("smoothed by %v %s", g.blur(), layersName(g.Layers)))
}

// Variants implements [VariantGuider].
func (g SmoothedEnergy) Variants() []Variant {
	return addVariant(g.Guider, g.condition(), unet.Perturbation{Layers: g.Layers, Blur: g.blur()})
}

// Needs implements [Guider].
func (g SmoothedEnergy) Needs(sigma float64) []Condition {
	return addNeeds(g.Guider, sigma, g.Interval, g.condition())
}

// WithScale implements [ScaledGuider]. The scale is that of the smoothing.
func (g SmoothedEnergy) WithScale(scale float64) Guider {
	g.Scale = exactScale(scale)
	return g
}

// Guide implements [Guider].
func (g SmoothedEnergy) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	return leadAway(ctx, p, g.Guider, g.Interval, g.condition(), perturbationScale(g.Scale))
}

// check implements checked.
func (g SmoothedEnergy) check(steps int) error {
	if !(g.Blur >= 0) {
		return fmt.Errorf("smoothed energy: have Blur %v, want more than 0, or 0 for infinite", g.Blur)
	}
	return checkAway("smoothed energy", g.Guider, g.Scale, g.Interval, steps)
}
