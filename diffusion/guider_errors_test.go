package diffusion

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/sampler"
)

func TestGuiderErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	mine := errors.New("mine")
	give := func(x []float32, err error) Guider {
		return guiderFunc{0, func(context.Context, *Predictions) (sampler.Estimate, error) {
			return sampler.Estimate{Denoised: x}, err
		}}
	}
	nan := make([]float32, 256)
	nan[7] = float32(math.NaN())
	for _, tt := range []struct {
		want   string
		option string // that is wrong, before anything is computed
		change func(o *Options)
	}{
		{"guider: image 0: have 0 clean latents, want 256", "", func(o *Options) { o.Guider = give(nil, nil) }},
		{"guider: image 0: have 255 clean latents, want 256", "", func(o *Options) { o.Guider = give(nan[1:], nil) }},
		{"guider: image 0: clean latents: element 7 is NaN, want finite numbers", "", func(o *Options) { o.Guider = give(nan, nil) }},
		{"guider: image 0: mine", "", func(o *Options) { o.Guider = give(nil, mine) }},
		{`diffusion: guider: needs "depth" at sigma`, "Guider", func(o *Options) { o.Guider = needing{"depth"} }},
		{"diffusion: guider: needs no condition at sigma", "Guider", func(o *Options) { o.Guider = needing{} }},
		{"diffusion: guider: have a nil *diffusion.drift", "Guider", func(o *Options) { o.Guider = (*drift)(nil) }},
		{"diffusion: guidance: have 3 beside a Guider", "Guidance", func(o *Options) { o.Guidance = 3 }},
		{"diffusion: guidance rescale: have 0.5 beside a Guider", "GuidanceRescale", func(o *Options) { o.GuidanceRescale = 0.5 }},
		{"guider: image 0: limited interval: have no Guider", "", func(o *Options) { o.Guider = LimitedInterval{} }},
		{"guider: image 0: have no prediction of \"uncond\"", "", func(o *Options) { o.Guider = forgetful{} }},
	} {
		for name, task := range tasks(t, p) {
			o := quick(2)
			o.Guider = drift{}
			tt.change(o)
			err := task(t.Context(), o)
			assert.ErrorContains(t, err, tt.want, name)
			var wrong OptionError
			if known := new(OptionError); errors.As(err, &known) {
				wrong = *known
			}
			assert.Equal(t, tt.option, wrong.Option, "%s: %v", name, err)
			if tt.want == "guider: image 0: mine" {
				assert.ErrorIs(t, err, mine)
			}
		}
	}
	_, err := p.Plan(&Options{Guider: drift{}, Guidance: 2})
	assert.ErrorContains(t, err, "beside a Guider")
}

// panicking panics in one of its methods.
type panicking struct{ needs, guide any }

func (g panicking) Needs(float64) []Condition {
	if g.needs != nil {
		panic(g.needs)
	}
	return []Condition{Cond}
}

func (g panicking) Guide(context.Context, *Predictions) (sampler.Estimate, error) { panic(g.guide) }

// needing needs what it says.
type needing []Condition

func (n needing) Needs(float64) []Condition { return n }

func (needing) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	return sampler.Estimate{Denoised: p.X}, nil
}

// forgetful does not need what it reads.
type forgetful struct{ ClassifierFree }

func (forgetful) Needs(float64) []Condition { return []Condition{Cond} }
