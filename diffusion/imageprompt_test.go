package diffusion

import (
	"context"
	"image"
	"image/draw"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/unet"
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

// The U-Net's tensors for pictures are the same in all windows, and no more of them are kept
// than one question has.
func TestImagePromptSides(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	attentions := p.UNet.CrossAttentions()
	as := seenAs{make([][]float32, len(attentions)), make([][]float32, len(attentions))}
	as.keys[0], as.values[0] = make([]float32, attentions[0].Width), make([]float32, attentions[0].Width)
	s := &shown{
		run: &run{Pipeline: p, h: 8, w: 12}, prompts: []*imagePrompt{{scales: append([]float64{1}, make([]float64, len(attentions)-1)...)}},
		keys: map[Condition][]seenAs{Cond: {as}, Uncond: {as}}, masks: [][]float32{nil}, reads: 3,
	}
	keys := func(left int, conditions ...Condition) *tensor.Dense {
		var of []*reads
		for _, c := range conditions {
			of = append(of, &reads{condition: c})
		}
		var in unet.Input
		require.NoError(t, s.steer(t.Context(), &question{window: window{0, left, 8, 8}}, of, &in))
		kept := 0
		for _, side := range s.sides {
			kept += len(side.words)
		}
		assert.LessOrEqual(t, kept, 3)
		return in.Cond.Images.Shown[0].Keys[0]
	}
	first := keys(0, Uncond, Cond)
	for left := range 40 {
		assert.Same(t, first, keys(left%5, Uncond, Cond))
	}
	assert.Equal(t, 1, keys(0, Cond).Shape()[0])
	assert.Same(t, first, keys(0, Uncond, Cond))
	assert.Equal(t, 3, keys(0, Uncond, Cond, Cond).Shape()[0])
	assert.NotSame(t, first, keys(0, Uncond, Cond))
	assert.LessOrEqual(t, len(s.views), maxViews)
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

// In regions that the U-Net sees alone image prompts count by the part of their mask that the
// box shows, in windows within it, too, and in any member of a batch.
func TestImagePromptsInRegions(t *testing.T) {
	c := golden.Open(t, "pipelines/ip_adapter")
	p := load(t, "tiny-sd15", nil)
	a := loadIP(t, p, "plain-sd15.safetensors")
	left := image.NewGray(image.Rect(0, 0, 128, 64))
	draw.Draw(left, image.Rect(0, 0, 64, 64), image.White, image.Point{}, draw.Src)
	run := func(change func(o *Options)) []float32 {
		o := &Options{Steps: 1, Seed: 7, Width: 128, Height: 64, Output: OutputLatent,
			ImagePrompts: []ImagePrompt{{Adapter: a, Images: []image.Image{rgbImage(c, "image.0")}, Mask: left}},
			Regions: []Region{
				{Prompt: "a cat", Box: image.Rect(0, 0, 64, 64), Alone: true},
				{Prompt: "a dog", NegativePrompt: "bad", Box: image.Rect(64, 0, 128, 64), Alone: true},
			}}
		change(o)
		r, err := p.TextToImage(t.Context(), "a photo", o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	none := func(o *Options) { o.ImagePrompts = nil }
	windows := func(o *Options) { o.Windows = Windows{Width: 32, Height: 64, Overlap: 16} }
	for name, change := range map[string]func(o *Options){"boxes": func(*Options) {}, "windows": windows} {
		with, without := run(change), run(func(o *Options) { change(o); none(o) })
		for row := range 4 * 8 {
			assert.NotEqual(t, without[16*row:16*row+8], with[16*row:16*row+8], name)
			assert.Equal(t, without[16*row+8:16*row+16], with[16*row+8:16*row+16], name)
		}
		batch := run(func(o *Options) { change(o); o.Seed, o.Images = 6, 3 })
		assert.Equal(t, with, batch[len(with):2*len(with)], name)
	}
}
