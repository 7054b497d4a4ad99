package diffusion

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// composed are Guiders of this package in each other.
var composed = map[string]Guider{
	"linear":      Scheduled{Scale: LinearScale{First: 1, Last: 9}},
	"cosine":      &Scheduled{Guider: Rescaled{Share: 0.5}, Scale: CosineScale{First: 9}},
	"list":        Scheduled{Guider: Projected{Norm: 2, Momentum: -0.5}, Scale: ScaleList{3, 0, 8, 2}},
	"rescaled":    Scheduled{Guider: Rescaled{Share: 0.7, Guider: Projected{Momentum: -0.5}}, Scale: LinearScale{First: 9}},
	"zero star":   ZeroStar{ZeroSteps: 1},
	"thresholded": Thresholded{Guider: ClassifierFree{Scale: 20}},
	"all": LimitedInterval{Interval: Interval{Low: 1}, Guider: Thresholded{
		Percentile: 0.9, Mimic: 2, Guider: Scheduled{Guider: Projected{Momentum: -0.5}, Scale: LinearScale{First: 12, Last: 3}},
	}},
	"inner interval": Thresholded{Bound: 2, Guider: LimitedInterval{Guider: ZeroStar{Scale: 5}, Interval: Interval{Low: 1}}},
}

// Guiders in each other make a picture of their own, which is the same alone and in a
// batch, and when the run is saved after any step and goes on.
func TestGuidersComposed(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	seen := map[string]string{}
	for name, g := range composed {
		o := Options{Width: 32, Height: 32, Steps: 4, Seed: 6, Images: 2, Sampler: sampler.EulerAncestral{}, Guider: g}
		var states [][]byte
		o.OnStep = func(s Step) error {
			state, err := s.Save()
			states = append(states, state)
			return err
		}
		batch, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err, name)
		o.OnStep = nil
		require.Len(t, states, 4)
		for _, state := range states {
			o.Resume = state
			rest, err := p.TextToImage(t.Context(), prompt, &o)
			require.NoError(t, err, name)
			assert.Equal(t, batch.Latents.Float32s(), rest.Latents.Float32s(), name)
		}
		o.Guider = Scheduled{Scale: LinearScale{First: 1, Last: 8}}
		_, err = p.TextToImage(t.Context(), prompt, &o)
		assert.ErrorContains(t, err, "have a run with another guider", name)

		o.Guider, o.Resume, o.Images, o.Seed = g, nil, 1, 7
		alone, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err, name)
		assert.Equal(t, batch.Images[1].Pix, alone.Images[0].Pix, name)
		picture := string(alone.Images[0].Pix)
		assert.Empty(t, seen[picture], name)
		seen[picture] = name
	}
}

// A schedule that is constant changes nothing, and a scale of zero is the prediction
// without the prompt.
func TestScheduledConstant(t *testing.T) {
	p := load(t, "tiny-sd21-v", nil)
	for _, s := range []sampler.Sampler{sampler.Euler{}, sampler.Heun{}} {
		run := func(g Guider) []float32 {
			o := quick(3)
			o.Sampler, o.Guider = s, g
			result, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			return result.Latents.Float32s()
		}
		for scale, schedule := range map[float64]ScaleSchedule{3: ScaleList{3, 3, 3}, 7.5: LinearScale{7.5, 7.5}, 2: CosineScale{2, 2}} {
			for _, g := range []ScaledGuider{ClassifierFree{}, Rescaled{Share: 0.7}, Projected{Norm: 3}, ZeroStar{}} {
				assert.Equal(t, run(g.WithScale(scale)), run(Scheduled{g, schedule}), "%T", g)
			}
		}
	}
	q := readGuiders(t).predictions("epsilon")[0]
	for _, g := range []ScaledGuider{nil, Rescaled{}, Projected{Parallel: 1}} {
		est, err := Scheduled{g, LinearScale{}}.Guide(t.Context(), q)
		require.NoError(t, err)
		golden.Close(t, q.Denoised(Uncond), est.Denoised, guidersTolerance, "scale zero")
	}
}

// Calls know their step, also those between two levels, and shapes follow it.
func TestScaleShapes(t *testing.T) {
	p := &Predictions{levels: []float64{8, 4, 1, 0}}
	for sigma, want := range map[float64]float64{9: 0, 8: 0, 4: 1, 2: 1.5, 1: 2, 0.5: 2, 0: 2} {
		p.Sigma = sigma
		step, steps := p.Step()
		assert.InDelta(t, want, step, 1e-12)
		assert.Equal(t, 3, steps)
	}
	for _, p := range []*Predictions{nil, {}, {levels: []float64{0}}} {
		step, steps := p.Step()
		assert.Zero(t, step)
		assert.Zero(t, steps)
	}
	for _, tt := range []struct {
		shape ScaleSchedule
		want  []float64
	}{
		{LinearScale{1, 9}, []float64{1, 3, 5, 7, 9}},
		{LinearScale{9, 0}, []float64{9, 6.75, 4.5, 2.25, 0}},
		{CosineScale{0, 2}, []float64{0, 1 - math.Sqrt2/2, 1, 1 + math.Sqrt2/2, 2}},
		{ScaleList{3, 1, 4, 1, 5}, []float64{3, 1, 4, 1, 5}},
	} {
		for step, want := range tt.want {
			assert.InDelta(t, want, tt.shape.ScaleAt(float64(step), 5, 1), 1e-12)
		}
		assert.InDelta(t, tt.want[0], tt.shape.ScaleAt(0, 1, 1), 1e-12)
	}
	assert.InDelta(t, 2.5, ScaleList{1, 4}.ScaleAt(0.5, 2, 1), 1e-12)
	assert.True(t, math.IsNaN(ScaleList{}.ScaleAt(0, 1, 1)))
}

// Sampling asks a schedule of the caller's own for every call of every image.
func TestScheduleOfOnesOwn(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	var steps []float64
	o := quick(3)
	o.Images, o.Sampler = 2, sampler.Euler{}
	o.Guider = Scheduled{Scale: scaleFunc(func(step float64, n int, sigma float64) float64 {
		assert.Equal(t, 3, n)
		steps = append(steps, step)
		return 1 + sigma
	})}
	_, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 0, 1, 1, 2, 2}, steps)
	o.Guider = Scheduled{Guider: Rescaled{Guider: drift{}}, Scale: ScaleList{1, 2, 3}}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "guider: image 0: rescaled: have a Scale of 1 for a diffusion.drift, want 0")
	o.Guider = Scheduled{Scale: scaleFunc(func(float64, int, float64) float64 { return math.Inf(1) })}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "guider: image 0: scheduled: have a scale of +Inf, want 0 to 1000, at step 0 of 3")
}

type scaleFunc func(step float64, steps int, sigma float64) float64

func (f scaleFunc) ScaleAt(step float64, steps int, sigma float64) float64 {
	return f(step, steps, sigma)
}

// A bound that nothing reaches changes nothing, also of the estimate of a Thresholded.
func TestThresholdedTwice(t *testing.T) {
	for _, inner := range []Thresholded{{Bound: 0.5}, {Guider: ClassifierFree{Scale: 20}, Mimic: 2}} {
		alone, err := inner.Guide(t.Context(), readGuiders(t).predictions("epsilon")[0])
		require.NoError(t, err)
		twice, err := Thresholded{Guider: inner, Bound: 1e6}.Guide(t.Context(), readGuiders(t).predictions("epsilon")[0])
		require.NoError(t, err)
		assert.Equal(t, alone.Denoised, twice.Denoised)
	}
}

// Wrong fields are found before anything is computed, however deep they are.
func TestGuiderFields(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	nan := math.NaN()
	for _, tt := range []struct {
		guider Guider
		want   string
		run    bool // which knows its steps
	}{
		{Scheduled{}, "scheduled: have no Scale", false},
		{Scheduled{Scale: (*LinearScale)(nil)}, "scheduled: have a nil *diffusion.LinearScale", false},
		{Scheduled{Guider: (*Projected)(nil), Scale: LinearScale{}}, "scheduled: have a nil *diffusion.Projected", false},
		{Scheduled{Scale: LinearScale{First: -1}}, "linear scale: have a First of -1, want 0 to 1000", false},
		{Scheduled{Scale: CosineScale{Last: nan}}, "cosine scale: have a Last of NaN, want 0 to 1000", false},
		{Scheduled{Scale: ScaleList{1, 1001, 2}}, "scale list: have a scale 1 of 1001, want 0 to 1000", false},
		{Scheduled{Scale: ScaleList{1, 2}}, "scale list: have 2 scales, want 3, one for each step", true},
		{Projected{Parallel: 2}, "projected: have Parallel 2, want 0 to 1", false},
		{Projected{Norm: math.Inf(1)}, "projected: have Norm +Inf, want above 0", false},
		{Projected{Momentum: nan}, "projected: have Momentum NaN, want -1 to 1", false},
		{Projected{Scale: -3}, "projected: have a Scale of -3, want 0 to 1000", false},
		{&ZeroStar{ZeroSteps: -1}, "zero star: have ZeroSteps -1, want 0 or more", false},
		{ZeroStar{Scale: nan}, "zero star: have a Scale of NaN", false},
		{Rescaled{Share: 1.5}, "rescaled: have Share 1.5, want 0 to 1", false},
		{Rescaled{Scale: 3, Guider: ZeroStar{}}, "rescaled: have a Scale of 3 for a diffusion.ZeroStar, want 0", false},
		{Rescaled{Guider: Projected{Norm: -1}}, "projected: have Norm -1", false},
		{Thresholded{Percentile: 99.5}, "thresholded: have Percentile 99.5, want above 0, to 1", false},
		{Thresholded{Bound: -1}, "thresholded: have Bound -1, want above 0", false},
		{Thresholded{Bound: 1, Mimic: 2}, "thresholded: have a Bound and a scale to Mimic", false},
		{Thresholded{Mimic: nan}, "thresholded: have a Mimic of NaN", false},
		{Thresholded{Guider: LimitedInterval{Guider: Scheduled{Guider: Projected{Norm: -1}, Scale: LinearScale{}}}}, "projected: have Norm -1", false},
		{LimitedInterval{Guider: (*drift)(nil)}, "limited interval: have a nil *diffusion.drift", false},
	} {
		o := quick(2)
		o.Guider = tt.guider
		_, err := p.TextToImage(t.Context(), prompt, o)
		assert.ErrorContains(t, err, "diffusion: guider: "+tt.want)
		var wrong *OptionError
		if assert.ErrorAs(t, err, &wrong) {
			assert.Equal(t, "Guider", wrong.Option)
		}
		if _, err = p.Plan(o); !tt.run {
			assert.ErrorContains(t, err, "diffusion: guider: "+tt.want)
		}
	}
	assert.Empty(t, Thresholded{Guider: needing{}}.Needs(1), "a Guider that needs nothing is still wrong")
}
