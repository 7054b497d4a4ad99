package diffusion

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"sdgo/sampler"
)

// Condition names what a prediction of the U-Net is made with.
type Condition string

// The conditions of a call. A U-Net that reads the guidance scale has Cond alone.
const (
	Cond   Condition = "cond"   // the prompt
	Uncond Condition = "uncond" // the negative prompt, mostly empty
)

// Guider is guidance as a value: it combines the predictions that the U-Net makes of an
// image with the conditions of a call. Options.Guidance, GuidanceRescale and
// GuidanceInterval choose among [ClassifierFree], [Rescaled] and [LimitedInterval];
// Options.Guider takes these, [Unguided], [Projected], [ZeroStar], [Scheduled],
// [Thresholded], [PerturbedAttention] and [SmoothedEnergy], or one of the caller's own, which
// may be a [VariantGuider], too.
//
// Its methods run within calls of the Denoiser; a panic passes through to the caller. One
// value may serve several calls at once, so it keeps nothing but in [Predictions.State],
// and says the same whenever it is asked the same. Then an image is the same in any
// batch, and a run that was saved and resumed is, too. When a run is resumed, its Guider
// is told from others by its type and exported fields, or by its type and what its method
// String returns.
type Guider interface {
	// Needs names the conditions that a call of the model at noise level sigma is made
	// with, at least one. Each costs as much as another, so that one that is not needed
	// saves its time. It is asked once for every level of the run before that begins, and
	// then before every call, whose level may lie between or above those.
	Needs(sigma float64) []Condition

	// Guide returns the estimate of the clean latents [C H W] of one image: finite numbers,
	// which may be of p and are read before the next Guide. Uncond may be nil; for a
	// sampler of CFG++ it then is what is predicted with Uncond, or the Denoised itself
	// where Needs did not ask for that.
	Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error)
}

// guiderFor is the guidance that the options choose for a sampler.
func (p *Pipeline) guiderFor(o *Options, s sampler.Sampler) Guider {
	plus := sampler.NeedsUncond(s)
	var g Guider
	switch {
	case o.Guider != nil:
		g = o.Guider
	case p.alone(o) || o.Guidance <= 1 && !plus || o.ImageGuidance > 0 && o.ImageGuidance < 1:
		return Unguided{}
	case o.ImageGuidance > 0:
		g = o.imageGuided()
	case o.GuidanceRescale > 0:
		g = Rescaled{Scale: o.Guidance, Share: o.GuidanceRescale}
	default:
		g = ClassifierFree{Scale: o.Guidance}
	}
	if o.GuidanceInterval != (Interval{}) {
		g = LimitedInterval{Guider: g, Interval: o.GuidanceInterval}
	}
	if plus {
		g = plusPlus{g}
	}
	return g
}

// conditionsOf returns those that a call with such guidance may need, in the order in which
// the U-Net reads them side by side.
func (p *Pipeline) conditionsOf(g Guider, o *Options) []Condition {
	if _, off := g.(Unguided); off || p.alone(o) {
		return []Condition{Cond}
	}
	return []Condition{Uncond, Cond}
}

// chooseGuidance settles the guidance of a run whose sampler is known.
func (r *run) chooseGuidance() error {
	if err := r.checkDistilled(); err != nil {
		return err
	}
	r.guider = r.guiderFor(&r.Options, r.sampler)
	r.conditions = r.conditionsFor(&r.Options, r.prompt, r.guider)
	if err := r.chooseOthers(); err != nil {
		return err
	}
	if r.Guider == nil {
		return nil
	}
	if err := checkFields(r.Guider, len(r.schedule.Sigmas)-1); err != nil {
		return err
	}
	for _, sigma := range r.schedule.Sigmas[:len(r.schedule.Sigmas)-1] {
		if _, err := r.needs(sigma); err != nil {
			return wrong("Guider", fmt.Errorf("diffusion: %w", err))
		}
	}
	return nil
}

// guided says whether there is more than the prompt.
func (r *run) guided() bool { return len(r.conditions) > 1 }

// needs returns the conditions of a call at a noise level, in the order of the run's.
func (r *run) needs(sigma float64) ([]Condition, error) {
	asked := r.guider.Needs(sigma)
	if len(asked) == 0 {
		return nil, fmt.Errorf("guider: needs no condition at sigma %.4g, want at least one of %q", sigma, r.conditions)
	}
	for _, c := range asked {
		switch {
		case slices.Contains(r.conditions, c):
		case c == Uncond:
			return nil, fmt.Errorf("guider: needs %q at sigma %.4g, have %q alone: %s", c, sigma, r.conditions, r.whyAlone())
		default:
			return nil, fmt.Errorf("guider: needs %q at sigma %.4g, have %q", c, sigma, r.conditions)
		}
	}
	var names []Condition
	for _, c := range r.conditions {
		if slices.Contains(asked, c) {
			names = append(names, c)
		}
	}
	return names, nil
}

// checkGuider wants no option beside a Guider that it would not heed.
func (o *Options) checkGuider(distilled bool) error {
	if o == nil || o.Guider == nil {
		return nil
	}
	if v := reflect.ValueOf(o.Guider); v.Kind() == reflect.Pointer && v.IsNil() {
		return badOption("Guider", "have a nil %T, want one that points to a value", o.Guider)
	}
	if o.Guidance != 0 && !distilled {
		return badOption("Guidance", "have %v beside a Guider, which has a scale of its own, want 0", o.Guidance)
	}
	if o.GuidanceRescale != 0 {
		return badOption("GuidanceRescale", "have %v beside a Guider, want 0", o.GuidanceRescale)
	}
	if o.ImageGuidance != 0 {
		return badOption("ImageGuidance", "have %v beside a Guider, want 0", o.ImageGuidance)
	}
	return checkFields(o.Guider, 0)
}

// Unguided is guidance that is off: the prompt alone.
type Unguided struct{}

// Needs implements [Guider].
func (Unguided) Needs(float64) []Condition { return []Condition{Cond} }

// Guide implements [Guider].
func (Unguided) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	if err := p.have(Cond); err != nil {
		return sampler.Estimate{}, err
	}
	return sampler.Estimate{Denoised: p.Denoised(Cond)}, nil
}
