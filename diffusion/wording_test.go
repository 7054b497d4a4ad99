package diffusion

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/unet"
)

// embedded is what the pipeline's text encoder makes of a text: its first tokens, or more
// than there are, which begin again.
func embedded(t *testing.T, p *Pipeline, text string, tokens int) *tensor.Dense {
	e, err := p.TextEncoder.Encode(t.Context(), [][]int{p.Tokenizer.Encode(text).IDs}, 0)
	require.NoError(t, err)
	x, width := e.Tokens.Float32s(), e.Tokens.Shape()[2]
	return engine.Tensor(slices.Concat(x, x)[:tokens*width], 1, tokens, width)
}

// Embeddings that the pipeline's own text encoder made give the bytes of the text.
func TestEmbeddingsOfText(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	const negative = "blur"
	cond, uncond := embedded(t, p, prompt, 77), embedded(t, p, negative, 77)
	for _, o := range []Options{
		{},
		{Guidance: 1},
		{GuidanceInterval: Interval{Low: 2}, Reuse: Reuse{Interval: 2, Threshold: 0.1}},
	} {
		o.Steps, o.Images = 3, 2
		call := func(prompt, negative string, cond, uncond *tensor.Dense) *Result {
			o.NegativePrompt, o.Cond, o.NegativeCond = negative, cond, uncond
			result, err := p.TextToImage(t.Context(), prompt, &o)
			require.NoError(t, err)
			return result
		}
		want := call(prompt, negative, nil, nil)
		assert.Equal(t, want.Images, call("", "", cond, uncond).Images)
		assert.Equal(t, want.Images, call(prompt, "", nil, uncond).Images)
		assert.Equal(t, want.Images, call("", negative, cond, nil).Images)
	}
}

// unequal are options with embeddings of different lengths.
func unequal(t *testing.T, p *Pipeline) *Options {
	o := quick(1)
	o.Steps, o.Cond, o.NegativeCond = 4, embedded(t, p, prompt, 20), embedded(t, p, "blur", 100)
	return o
}

// Embeddings of different lengths are read one after the other: what a call of the
// model makes of them is what the U-Net says of each, guided.
func TestEmbeddingsOfAnyLength(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := unequal(t, p)
	o.Guidance = 3
	calls := 0
	o.Wrap = func(d sampler.Denoiser) sampler.Denoiser {
		return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			est, err := d(ctx, x, sigma)
			if calls++; calls > 1 || err != nil {
				return est, err
			}
			scaled := slices.Clone(x)
			for i := range scaled {
				scaled[i] *= float32(1 / math.Sqrt(sigma*sigma+1))
			}
			schedule, err := p.Scheduler.As("EulerDiscreteScheduler")
			require.NoError(t, err)
			levels, err := schedule.Schedule(o.Steps)
			require.NoError(t, err)
			predict := func(text *tensor.Dense) []float32 {
				y, err := p.UNet.Predict(ctx, unet.Input{
					Latents: engine.Tensor(scaled, 1, 4, 8, 8), Timesteps: []float64{levels.Timestep(sigma)}, Cond: unet.Text(text),
				})
				require.NoError(t, err)
				return y.Float32s()
			}
			want, uncond := predict(o.Cond), predict(o.NegativeCond)
			for i, u := range uncond {
				want[i] = x[i] - float32(sigma)*(u+3*(want[i]-u))
			}
			golden.Close(t, want, est.Denoised, resampling, "clean latents")
			return est, nil
		}
	}
	_, err := p.TextToImage(t.Context(), "", o)
	require.NoError(t, err)
	assert.Equal(t, 4, calls)
}

// They go together with what keeps features, in any batch, and with a run that is saved.
func TestEmbeddingsReuse(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	call := func(change func(o *Options)) *Result {
		o := unequal(t, p)
		change(o)
		result, err := p.TextToImage(t.Context(), "", o)
		require.NoError(t, err)
		return result
	}
	plain := call(func(*Options) {})
	never := call(func(o *Options) { o.Reuse.Threshold = 1e-30 })
	assert.Equal(t, []int{0}, never.Reused)
	assert.Equal(t, plain.Images, never.Images)

	reuse := func(o *Options) { o.Reuse = Reuse{Interval: 2, Threshold: 10} }
	first := call(reuse)
	assert.Equal(t, []int{2}, first.Reused)
	assert.NotEqual(t, plain.Images, first.Images)
	both := call(func(o *Options) { reuse(o); o.Seed, o.Images = o.Seed-1, 2 })
	assert.Equal(t, first.Images[0], both.Images[1])

	var state []byte
	call(func(o *Options) {
		reuse(o)
		o.OnStep = func(s Step) (err error) {
			if s.Step == 2 {
				state, err = s.Save()
			}
			return err
		}
	})
	assert.Equal(t, first.Images, call(func(o *Options) { reuse(o); o.Resume = state }).Images)
	o := unequal(t, p)
	reuse(o)
	o.Resume = state
	o.NegativeCond.Float32s()[7]++
	_, err := p.TextToImage(t.Context(), "", o)
	assert.ErrorContains(t, err, "diffusion: resume: ")
	assert.ErrorContains(t, err, "another negative cond")
}

// Plans and the memory that is claimed know the number of tokens.
func TestEmbeddingsNeed(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := unequal(t, p)
	plan, err := p.Plan(o)
	require.NoError(t, err)
	require.Len(t, plan.Parts, 3, "no text encoder, a U-Net for each, the VAE")
	want, err := p.UNet.Plan(1, 8, 8, 100)
	require.NoError(t, err)
	assert.Equal(t, want.Values, plan.Parts[0].Values)
	o.NegativeCond = embedded(t, p, "blur", 20)
	plan, err = p.Plan(o)
	require.NoError(t, err)
	assert.Len(t, plan.Parts, 2)

	need := func(prompt string, o *Options) engine.Need {
		r, err := p.newRun(t.Context(), textToImage{}, prompt, o)
		require.NoError(t, err)
		defer r.close()
		_, err = r.task.prepare(r)
		require.NoError(t, err)
		n, err := r.need(nil)
		require.NoError(t, err)
		return n
	}
	width := p.TextEncoder.Config.HiddenSize
	long := quick(1)
	long.Cond = engine.Tensor(make([]float32, 5000*width), 1, 5000, width)
	of, with := need(prompt, quick(1)), need("", long)
	assert.EqualValues(t, collected*2*4*5000*width, with.Small-of.Small)
	assert.Greater(t, with.Turn, of.Turn)
	short := quick(1)
	short.Guidance, short.Width, short.Height, short.Tile = 1, 8, 8, 32
	of = need(prompt, short)
	short.Cond = engine.Tensor(make([]float32, width), 1, 1, width)
	assert.Less(t, need("", short).Turn, of.Turn, "no text encoder")
}

func TestBadEmbeddings(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	width := p.TextEncoder.Config.HiddenSize
	good := embedded(t, p, prompt, 77)
	broken := embedded(t, p, prompt, 77)
	broken.Float32s()[5*width+3] = float32(math.NaN())
	for _, tt := range []struct {
		prompt string
		o      Options
		option string
		want   string
	}{
		{prompt, Options{Cond: good}, "Cond", "diffusion: cond: have embeddings beside a prompt, want one of the two"},
		{prompt, Options{NegativePrompt: "blur", NegativeCond: good}, "NegativeCond", "diffusion: negative cond: have embeddings beside a negative prompt, want one of the two"},
		{"", Options{Cond: good, ClipSkip: 1}, "ClipSkip", "diffusion: clip skip: have 1, want 0: there are embeddings (Cond) in the prompt's place"},
		{"", Options{Cond: new(tensor.Dense)}, "Cond", "diffusion: cond: have shape [], want [1 -1 32]"},
		{"", Options{Cond: engine.Tensor(good.Float32s(), 77, width)}, "Cond", "diffusion: cond: have shape [77 32]"},
		{"", Options{Cond: engine.Tensor(make([]float32, 2*77*width), 2, 77, width)}, "Cond", "diffusion: cond: have shape [2 77 32]"},
		{prompt, Options{NegativeCond: engine.Tensor(make([]float32, 6), 1, 2, 3)}, "NegativeCond", "diffusion: negative cond: have shape [1 2 3]"},
		{"", Options{Cond: tensor.New(tensor.WithShape(1, 1, width), tensor.Of(tensor.Float64))}, "Cond", "diffusion: cond: have a tensor of float64, want float32"},
		{"", Options{Cond: broken}, "Cond", "diffusion: cond: token 5: element 3 is NaN, want finite numbers"},
	} {
		_, err := p.TextToImage(t.Context(), tt.prompt, &tt.o)
		require.ErrorContains(t, err, tt.want)
		var wrong *OptionError
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, tt.option, wrong.Option)
	}
	_, err := p.Plan(&Options{Cond: new(tensor.Dense)})
	assert.ErrorContains(t, err, "diffusion: cond: have shape []")
}
