package diffusion

import (
	"context"
	"image"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// Calls with different prompts run at once, each as it does alone; one that is cancelled
// says so; and what JSON does not hold is listed.
func TestImagePromptsAtOnce(t *testing.T) {
	c := golden.Open(t, "pipelines/ip_adapter")
	p := load(t, "tiny-sd15", nil)
	plain, plus := loadIP(t, p, "plain-sd15.safetensors"), loadIP(t, p, "plus-sd15.safetensors")
	options := make([]*Options, 8)
	want := make([]*Result, len(options))
	for i := range options {
		a := []*IPAdapter{plain, plus}[i%2]
		options[i] = &Options{Steps: 2, Seed: 7, Output: OutputLatent, ImagePrompts: []ImagePrompt{{Adapter: a, Images: []image.Image{rgbImage(c, "image.0")}, Scale: float64(i+1) / 8}}}
		var err error
		want[i], err = p.TextToImage(t.Context(), "a cat", options[i])
		require.NoError(t, err)
	}
	var calls sync.WaitGroup
	for i, o := range options {
		calls.Go(func() {
			r, err := p.TextToImage(t.Context(), "a cat", o)
			if assert.NoError(t, err) {
				assert.Equal(t, want[i].Latents.Float32s(), r.Latents.Float32s())
			}
		})
	}
	calls.Wait()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.TextToImage(ctx, "a cat", options[0])
	assert.ErrorIs(t, err, context.Canceled)
	options[0].Checker = CheckFunc(func(context.Context, *image.NRGBA) (Verdict, error) { return Verdict{}, nil })
	assert.Equal(t, []string{"ImagePrompts", "Checker"}, options[0].LeftOut())
}

// An IP-Adapter and its encoder count towards the pipeline's memory, and so do its calls.
func TestImagePromptMemory(t *testing.T) {
	fsys := golden.Model(t, "tiny-sd15")
	p, err := LoadFS(fsys, &LoadOptions{Threads: 1})
	require.NoError(t, err)
	weights := p.engine.Memory.InUse()
	a, err := p.LoadIPAdapterFS(ipFolder(t), "plus-sd15.safetensors", nil)
	require.NoError(t, err)
	loaded := p.engine.Memory.InUse()
	assert.Greater(t, loaded, weights+100<<10)
	require.NoError(t, a.Close())
	assert.Equal(t, weights, p.engine.Memory.InUse())
	require.NoError(t, p.Close())

	small, err := LoadFS(fsys, &LoadOptions{Threads: 1, MaxMemory: (weights + loaded) / 2})
	require.NoError(t, err)
	defer small.Close()
	_, err = small.LoadIPAdapterFS(ipFolder(t), "plus-sd15.safetensors", nil)
	assert.ErrorIs(t, err, ErrTooLarge)
}

// roughTolerance is far above what bfloat16 was seen to make of the latents of three steps,
// and far below what the pictures make.
const roughTolerance = 0.1

// An adapter has the pipeline's precision. Float16 loses nothing of weights that are stored so.
func TestImagePromptPrecision(t *testing.T) {
	c := golden.Open(t, "pipelines/ip_adapter")
	var want, plain []float32
	for _, precision := range []string{Float32, Float16, BFloat16, Int8} {
		p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer p.Close()
		o := &Options{Steps: 3, Seed: 7, Output: OutputLatent}
		r, err := p.TextToImage(t.Context(), "a cat", o)
		require.NoError(t, err)
		without := r.Latents.Float32s()
		o.ImagePrompts = []ImagePrompt{{Adapter: loadIP(t, p, "plus-sd15.safetensors"), Images: []image.Image{rgbImage(c, "image.0")}}}
		r, err = p.TextToImage(t.Context(), "a cat", o)
		require.NoError(t, err)
		switch got := r.Latents.Float32s(); precision {
		case Float32:
			want, plain = got, without
		case Float16:
			assert.Equal(t, want, got)
		case BFloat16:
			golden.Close(t, want, got, roughTolerance, precision)
		default:
			assert.NotEqual(t, without, got)
		}
	}
	apart := 0.0
	for i, v := range want {
		apart = max(apart, math.Abs(float64(v-plain[i])))
	}
	assert.Greater(t, apart, 2*roughTolerance)
}
