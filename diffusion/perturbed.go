package diffusion

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"sdgo/sampler"
	"sdgo/unet"
)

// PerturbedAttention is perturbed-attention guidance (Ahn et al. 2024, equation 17), in
// diffusers' form: beside what another Guider does it leads away from what the U-Net
// predicts when the pixels of some layers attend to themselves alone.
//
//	D = D(other guidance) + s·(D(cond) − D(perturbed))
//
// It needs no words, so that it helps without classifier-free guidance, too. Each call of
// the model costs one prediction more.
//
// https://arxiv.org/abs/2403.17377
type PerturbedAttention struct {
	Guider Guider  // what it is added to, [Unguided] for the prompt alone. Nil means ClassifierFree
	Scale  float64 // s, 0 to 1000. Zero means 3

	// Decay lets the scale fall with the model's time t, which goes from 999 to 0: it is
	// s − Decay·(1000 − t), 0 at least. It is diffusers' pag_adaptive_scale.
	Decay float64

	// Layers are patterns for those that are perturbed, see [unet.Perturbation]. Nil means
	// "mid".
	Layers []string

	// Interval is the noise levels at which it is added; outside them its prediction is
	// spared. The zero value means all.
	Interval Interval
}

// defaultPerturbation is the scale of the papers and of diffusers' pipelines.
const defaultPerturbation = 3

// layersName is what the name of a prediction says of patterns, another for each list: one
// with a comma stands between quotes.
func layersName(layers []string) string {
	if layers == nil {
		return "mid"
	}
	list := slices.Clone(layers)
	for i, pattern := range list {
		if pattern == "" || strings.ContainsAny(pattern, `,"`) {
			list[i] = strconv.Quote(pattern)
		}
	}
	return strings.Join(list, ",")
}

// condition is the name of the prediction.
func (g PerturbedAttention) condition() Condition {
	return Condition("perturbed " + layersName(g.Layers))
}

// Variants implements [VariantGuider].
func (g PerturbedAttention) Variants() []Variant {
	return addVariant(g.Guider, g.condition(), unet.Perturbation{Layers: g.Layers})
}

// Needs implements [Guider].
func (g PerturbedAttention) Needs(sigma float64) []Condition {
	return addNeeds(g.Guider, sigma, g.Interval, g.condition())
}

// WithScale implements [ScaledGuider]. The scale is that of the perturbation.
func (g PerturbedAttention) WithScale(scale float64) Guider {
	g.Scale = exactScale(scale)
	return g
}

// Guide implements [Guider].
func (g PerturbedAttention) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	scale := perturbationScale(g.Scale)
	if g.Decay > 0 {
		scale = max(0, scale-g.Decay*(1000-p.Timestep()))
	}
	return leadAway(ctx, p, g.Guider, g.Interval, g.condition(), scale)
}

// check implements checked.
func (g PerturbedAttention) check(steps int) error {
	if !(g.Decay >= 0) || math.IsInf(g.Decay, 0) {
		return fmt.Errorf("perturbed attention: have Decay %v, want 0 or more", g.Decay)
	}
	return checkAway("perturbed attention", g.Guider, g.Scale, g.Interval, steps)
}

// innerOf is the Guider that another is added to.
func innerOf(g Guider) Guider {
	if g == nil {
		return ClassifierFree{}
	}
	return g
}

// addVariant is the variants of a Guider and one more.
func addVariant(g Guider, name Condition, p unet.Perturbation) []Variant {
	return append(slices.Clone(VariantsOf(g)), Variant{Name: name, UNet: func(u *unet.UNet) (*unet.UNet, error) { return u.WithPerturbation(p) }})
}

// addNeeds is what a Guider needs and, in an interval, what leads away from a weaker
// prediction: that and the prompt.
func addNeeds(g Guider, sigma float64, at Interval, weaker Condition) []Condition {
	asked := innerOf(g).Needs(sigma)
	if len(asked) == 0 || !at.contains(sigma) {
		return asked
	}
	return append(slices.Clone(andCond(asked)), weaker)
}

// perturbationScale is a scale that zero leaves out.
func perturbationScale(scale float64) float64 {
	if scale == 0 {
		return defaultPerturbation
	}
	return scale
}

// leadAway adds scale·(D(cond) − D(weaker)) to what a Guider estimates. The difference of
// two estimates is that of the U-Net's outputs times a number of the noise level, so that
// this is diffusers' sum of outputs, too.
func leadAway(ctx context.Context, p *Predictions, g Guider, at Interval, weaker Condition, scale float64) (sampler.Estimate, error) {
	if p == nil {
		return sampler.Estimate{}, p.have(Cond)
	}
	est, err := innerOf(g).Guide(ctx, p)
	if err != nil || len(est.Denoised) != len(p.X) || !at.contains(p.Sigma) {
		return est, err // of a wrong length, which the caller sees
	}
	if err := p.have(Cond, weaker); err != nil {
		return sampler.Estimate{}, err
	}
	cond, weak, out := p.Denoised(Cond), p.Denoised(weaker), p.buffer("away from "+string(weaker))
	s := float32(scale)
	for i, d := range est.Denoised {
		out[i] = d + float32(s*(cond[i]-weak[i]))
	}
	est.Denoised = out
	return est, nil
}

// checkAway checks the fields that such Guiders share.
func checkAway(name string, g Guider, scale float64, at Interval, steps int) error {
	if err := checkScale(name, "a Scale", scale); err != nil {
		return err
	}
	if !(at.Low >= 0) || !(at.High == 0 || at.High >= at.Low) {
		return fmt.Errorf("%s: have Interval %v to %v, want 0 ≤ low ≤ high", name, at.Low, at.High)
	}
	return checkInner(name, g, steps)
}
