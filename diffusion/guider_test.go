package diffusion

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// drift is a Guider with a memory: it adds to each estimate a share of the difference of
// the predictions in the call before.
type drift struct{ Share float64 }

func (drift) Needs(float64) []Condition { return []Condition{Cond, Uncond} }

func (g drift) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	cond, uncond, before := p.Denoised(Cond), p.Denoised(Uncond), p.State()
	out := make([]float32, len(cond))
	for i, d := range cond {
		out[i] = d + float32(g.Share)*before[i]
		before[i] = d - uncond[i]
	}
	return sampler.Estimate{Denoised: out}, nil
}

// guiderFunc needs the prompt alone at levels below its own, and says what it is.
type guiderFunc struct {
	below float64
	guide func(ctx context.Context, p *Predictions) (sampler.Estimate, error)
}

func (g guiderFunc) Needs(sigma float64) []Condition {
	if sigma < g.below {
		return []Condition{Cond}
	}
	return []Condition{Cond, Uncond}
}

func (g guiderFunc) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	return g.guide(ctx, p)
}

func (g guiderFunc) String() string { return fmt.Sprint("below ", g.below) }

// The options choose values that may be given as well.
func TestGuiderOfOptions(t *testing.T) {
	for _, model := range []string{"tiny-sd15", "tiny-sd21-v"} {
		p := load(t, model, nil)
		interval := Interval{Low: 2, High: 9}
		for _, tt := range []struct {
			chosen, given Options
		}{
			{Options{}, Options{Guider: ClassifierFree{}}},
			{Options{Guidance: 3}, Options{Guider: ClassifierFree{Scale: 3}}},
			{Options{GuidanceRescale: 0.6}, Options{Guider: Rescaled{Share: 0.6}}},
			{Options{Guidance: 3, GuidanceInterval: interval}, Options{Guider: LimitedInterval{ClassifierFree{3}, interval}}},
			{Options{GuidanceRescale: 0.6, GuidanceInterval: interval}, Options{Guider: Rescaled{Share: 0.6}, GuidanceInterval: interval}},
		} {
			var pictures [2]*Result
			for i, o := range []Options{tt.chosen, tt.given} {
				o.Width, o.Height, o.Steps, o.Seed, o.Sampler = 64, 64, 4, 5, sampler.Heun{}
				result, err := p.TextToImage(t.Context(), prompt, &o)
				require.NoError(t, err)
				pictures[i] = result
			}
			assert.Equal(t, pictures[0].Latents.Float32s(), pictures[1].Latents.Float32s(), "%s %+v", model, tt.given)
		}
	}
}

// A Guider sees its image and what it needs of it, in every representation, for any
// prediction that models make, and with Wrap outside of it.
func TestPredictions(t *testing.T) {
	const close = 1e-5 // a few roundings
	for _, model := range []string{"tiny-sd15", "tiny-sd21-v"} {
		p := load(t, model, nil)
		var inside [][]float32
		var below, above int
		var kept *Predictions
		guide := func(_ context.Context, p *Predictions) (sampler.Estimate, error) {
			assert.Equal(t, []int{4, 8, 8}, []int{p.C, p.H, p.W})
			assert.Len(t, p.X, 256)
			kept = p
			cond := p.Denoised(Cond)
			assert.Equal(t, cond, p.FromOutput(p.Output(Cond)))
			assert.NotEqual(t, cond, p.Output(Cond))
			assert.Nil(t, p.Denoised("another"))
			assert.Nil(t, p.FromOutput(p.X[1:]))
			if p.Sigma < 3 {
				below++
				assert.Nil(t, p.Denoised(Uncond))
				assert.Nil(t, p.Output(Uncond))
			} else {
				above++
				assert.NotEqual(t, cond, p.Denoised(Uncond))
			}
			s, y := p.Sigma, float64(p.Output(Cond)[9])
			want := float64(p.X[9]) - s*y
			if model == "tiny-sd21-v" {
				want = float64(p.X[9])/(s*s+1) - s*y/math.Sqrt(s*s+1)
			}
			assert.InDelta(t, want, cond[9], close*(1+math.Abs(want)))
			inside = append(inside, slices.Clone(cond))
			return sampler.Estimate{Denoised: cond}, nil
		}
		o := &Options{Width: 64, Height: 64, Steps: 4, Images: 2, Sampler: sampler.Euler{}, Guider: guiderFunc{3, guide}}
		o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
			return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				est, err := next(ctx, x, sigma)
				assert.Equal(t, slices.Concat(inside[len(inside)-2:]...), est.Denoised)
				assert.Nil(t, est.Uncond)
				return est, err
			}
		}
		result, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.Nil(t, kept.Denoised(Cond), "over")
		assert.Nil(t, kept.Output(Cond), "over")
		assert.Nil(t, kept.State(), "over")
		assert.Nil(t, kept.FromOutput(kept.X), "over")
		assert.Equal(t, 8, below+above)
		assert.NotZero(t, below)
		assert.NotZero(t, above)
		o.Guider, o.Wrap, o.Guidance = nil, nil, 1 // it returned what the prompt alone gives
		alone, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		golden.Close(t, alone.Latents.Float32s(), result.Latents.Float32s(), tolerance, model)
	}
}

// With every sampler an image is the same alone and in a batch, and a Guider's memory
// matters.
func TestGuiderSamplers(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, info := range sampler.Names() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		o := Options{Width: 32, Height: 32, Steps: 5, Seed: 6, Images: 2, Sampler: s, Guider: drift{0.5}}
		batch, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err, info.Name)
		o.Images, o.Seed = 1, 7
		alone, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err, info.Name)
		if info.Name != "dpm_adaptive" { // which chooses its steps by all images
			assert.True(t, slices.Equal(batch.Images[1].Pix, alone.Images[0].Pix), info.Name)
		}
		o.Guider = drift{}
		without, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err, info.Name)
		assert.False(t, slices.Equal(alone.Images[0].Pix, without.Images[0].Pix), info.Name)
	}
}

// What a Guider keeps counts towards the limit of memory.
func TestGuiderNeed(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	need := func(o *Options) int64 {
		task := &textToImage{}
		r, err := p.newRun(t.Context(), task, prompt, o)
		require.NoError(t, err)
		defer r.close()
		images, err := task.prepare(r)
		require.NoError(t, err)
		n, err := r.need(images)
		require.NoError(t, err)
		return n.Small
	}
	o := quick(1)
	o.Images = 3
	without := need(o)
	o.Guider = drift{}
	assert.EqualValues(t, collected*3*4*256, need(o)-without)
}

// CFG++ has the unconditional estimate of a Guider's own, or what it needed.
func TestGuiderCFGPlusPlus(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	own := make([]float32, 256)
	for _, tt := range []struct {
		below float64
		own   []float32
		check func(est sampler.Estimate, uncond []float32)
	}{
		{0, nil, func(est sampler.Estimate, uncond []float32) { assert.Equal(t, uncond, est.Uncond) }},
		{1000, nil, func(est sampler.Estimate, _ []float32) { assert.Equal(t, est.Denoised, est.Uncond) }},
		{0, own, func(est sampler.Estimate, _ []float32) { assert.Equal(t, own, est.Uncond) }},
	} {
		var uncond []float32
		guide := func(_ context.Context, p *Predictions) (sampler.Estimate, error) {
			uncond = slices.Clone(p.Denoised(Uncond))
			return sampler.Estimate{Denoised: p.Denoised(Cond), Uncond: tt.own}, nil
		}
		calls := 0
		o := quick(4)
		o.Sampler, o.Guider = sampler.Euler{CFGPlusPlus: true}, guiderFunc{tt.below, guide}
		o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
			return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				est, err := next(ctx, x, sigma)
				calls++
				tt.check(est, uncond)
				return est, err
			}
		}
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.Equal(t, 3, calls)
	}
}

// A model that reads the guidance scale predicts with the prompt alone.
func TestGuiderDistilled(t *testing.T) {
	p := loadFolder(t, golden.Folder(t, "lcm-time-cond"), nil)
	o := Options{Width: 64, Height: 64, Steps: 2, Seed: 1, Guidance: 3}
	want, err := p.TextToImage(t.Context(), "a red house", &o)
	require.NoError(t, err)
	o.Guider = guiderFunc{math.Inf(1), func(_ context.Context, p *Predictions) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: p.Denoised(Cond)}, nil
	}}
	same, err := p.TextToImage(t.Context(), "a red house", &o)
	require.NoError(t, err)
	assert.Equal(t, want.Images[0].Pix, same.Images[0].Pix)
	o.Guider = drift{}
	_, err = p.TextToImage(t.Context(), "a red house", &o)
	assert.ErrorContains(t, err, `diffusion: guider: needs "uncond" at sigma`)
	assert.ErrorContains(t, err, "reads the guidance scale")
}
