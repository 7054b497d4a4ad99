package diffusion

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// record makes a run keep copies of the guided estimates of its calls and of the
// unconditional ones, which are nil where the sampler needs none.
func record(o *Options) (guided, uncond *[][]float32) {
	guided, uncond = &[][]float32{}, &[][]float32{}
	o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
		return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			est, err := next(ctx, x, sigma)
			*guided = append(*guided, slices.Clone(est.Denoised))
			*uncond = append(*uncond, slices.Clone(est.Uncond))
			return est, err
		}
	}
	return guided, uncond
}

// The unconditional estimate of a guided call is what the model says to the
// negative prompt alone, and the guided one lies beyond the conditional one by the
// scale.
func TestUncondEstimate(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	const negative = "a dog"
	first := func(prompt string, guidance float64, plus bool) (guided, uncond []float32) {
		o := &Options{Width: 64, Height: 64, Steps: 2, Seed: 3, Images: 2, NegativePrompt: negative, Guidance: guidance, Sampler: sampler.Euler{CFGPlusPlus: plus}}
		g, u := record(o)
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		return (*g)[0], (*u)[0]
	}
	const close = 1e-4 // float32 rounding: the sum of two calls stands against the estimate of one
	cond, none := first(prompt, 1, false)
	assert.Nil(t, none)
	_, none = first(prompt, 3, false)
	assert.Nil(t, none)
	alone, _ := first(negative, 1, false)
	for _, scale := range []float64{0.6, 1, 3} {
		guided, uncond := first(prompt, scale, true)
		require.Len(t, uncond, len(guided))
		for i := range guided {
			require.InDelta(t, alone[i], uncond[i], close, "scale %g, value %d", scale, i)
			require.InDelta(t, float64(alone[i])+scale*float64(cond[i]-alone[i]), guided[i], close, "scale %g, value %d", scale, i)
		}
	}
}

// With a prompt that is the negative prompt, and outside the guidance interval,
// CFG++ is the plain method, byte for byte; otherwise it is not.
func TestCFGPlusPlusPipeline(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15", nil)
	run := func(name string, o Options) *Result {
		s, err := sampler.ByName(name)
		require.NoError(t, err)
		o.Width, o.Height, o.Steps, o.Seed, o.Sampler = 64, 64, 4, 3, s
		r, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err, name)
		return r
	}
	for _, name := range []string{"euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2s_ancestral", "res_multistep", "res_multistep_ancestral", "gradient_estimation", "ddim"} {
		same := Options{NegativePrompt: prompt, Guidance: 2}
		assert.Equal(t, run(name, same).Images, run(name+"_cfg_pp", same).Images, name)
		interval := Options{GuidanceInterval: Interval{Low: 1000}, Guidance: 2}
		assert.Equal(t, run(name, interval).Images, run(name+"_cfg_pp", interval).Images, name)
		for _, guidance := range []float64{0.6, 1, 2} { // one is not off
			o := Options{Guidance: guidance}
			assert.NotEqual(t, run(name, o).Images, run(name+"_cfg_pp", o).Images, "%s %g", name, guidance)
		}
	}
}

// A run of CFG++ that was left goes on as if it had not been, and images of a
// batch are as alone.
func TestCFGPlusPlusResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := Options{Width: 64, Height: 64, Steps: 5, Seed: 3, Images: 2, Guidance: 1.5, Sampler: sampler.DPMPP2M{CFGPlusPlus: true}}
	want, err := p.TextToImage(t.Context(), prompt, &o)
	require.NoError(t, err)
	alone := o
	alone.Images, alone.Seed = 1, 4
	second, err := p.TextToImage(t.Context(), prompt, &alone)
	require.NoError(t, err)
	assert.Equal(t, want.Images[1], second.Images[0])

	stop := errors.New("stop")
	var state []byte
	left := o
	left.OnStep = func(s Step) error {
		if s.Step < 3 {
			return nil
		}
		if state, err = s.Save(); err != nil {
			return err
		}
		return stop
	}
	_, err = p.TextToImage(t.Context(), prompt, &left)
	require.ErrorIs(t, err, stop)
	o.Resume = state
	got, err := p.TextToImage(t.Context(), prompt, &o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
}
