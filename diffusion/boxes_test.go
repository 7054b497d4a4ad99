package diffusion

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
)

// layouts is a model that takes boxes.
func layouts(t testing.TB, kind string) *Pipeline {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		if part != "unet" {
			return src, nil
		}
		return golden.Grounded(t, checkpoint.NewOverlay(src), kind), nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	p.Scheduler = ddim(t)
	return p
}

var someBoxes = []Box{
	{Left: 0.1, Top: 0.2, Right: 0.55, Bottom: 0.9, Phrase: "a red house"},
	{Left: 0.5, Top: 0, Right: 1, Bottom: 0.35, Phrase: "a boat"},
}

// What diffusers' pipeline for GLIGEN makes, with boxes in a part of the run and in all of
// it.
func TestBoxesGolden(t *testing.T) {
	p := layouts(t, "gated")
	for name, o := range map[string]*Options{
		"boxes":     {Steps: 6, BoxShare: 0.5, NegativePrompt: "blurry"},
		"boxes_all": {Steps: 5, BoxShare: 1},
	} {
		o.Boxes, o.Seed, o.Width, o.Height = someBoxes, 4242, 64, 64
		r, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		closeTask(t, name, r)
		read := rewritten(t, r.Parameters(0))
		assert.Empty(t, read.LeftOut)
		again, err := p.TextToImage(t.Context(), read.Prompt, &read.Options)
		require.NoError(t, err)
		assert.Equal(t, r.Images, again.Images)
	}
}

// Boxes go with a sampler, with reuse, in a batch and with image-to-image, and count.
func TestBoxesCompose(t *testing.T) {
	p, img := layouts(t, "gated-text-image"), picture(t, "input.png")
	boxes := append([]Box{{Left: 0, Top: 0, Right: 0.5, Bottom: 0.5, Picture: golden.Numbers("input.picture", 1, 32)}}, someBoxes...)
	run := func(o Options) []float32 {
		o.Steps = 4
		r, err := p.ImageToImage(t.Context(), prompt, img, &o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	both := run(Options{Boxes: boxes, Seed: 1, Images: 2})
	assert.Equal(t, both[len(both)/2:], run(Options{Boxes: boxes, Seed: 2}))
	assert.NotEqual(t, run(Options{Seed: 2}), run(Options{Boxes: boxes, Seed: 2}))
	assert.NotEqual(t, run(Options{Boxes: boxes, Seed: 2}), run(Options{Boxes: boxes[1:], Seed: 2}), "the picture counts")
	assert.NotEqual(t, run(Options{Boxes: boxes, Seed: 2}), run(Options{Boxes: boxes, Seed: 2, BoxShare: 0.3}))
	assert.Equal(t, []string{"Boxes"}, (&Options{Boxes: boxes}).LeftOut(), "for the picture")
	reuse := run(Options{Boxes: boxes, Seed: 2, Reuse: Reuse{Interval: 1}})
	assert.Equal(t, run(Options{Boxes: boxes, Seed: 2}), reuse)
}

// A model with layers for boxes is the same from one file.
func TestBoxesSaved(t *testing.T) {
	for _, kind := range []string{"gated", "gated-text-image"} {
		p := layouts(t, kind)
		file := filepath.Join(t.TempDir(), "boxes.safetensors")
		require.NoError(t, Save(t.Context(), file, p, nil))
		single, err := Load(file, nil)
		require.NoError(t, err)
		defer single.Close()
		o := &Options{Steps: 2, Seed: 1, Width: 64, Height: 64, Boxes: someBoxes, BoxShare: 1}
		want, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		got, err := single.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.Equal(t, want.Images[0].Pix, got.Images[0].Pix)
	}
}

func TestBoxesErrors(t *testing.T) {
	plain, phrases := load(t, "tiny-sd15", nil), layouts(t, "gated")
	one := func(change func(*Box)) Options {
		b := someBoxes[0]
		change(&b)
		return Options{Boxes: []Box{b}}
	}
	_, err := plain.TextToImage(t.Context(), prompt, &Options{Boxes: someBoxes})
	assert.EqualError(t, err, "diffusion: boxes: have 2, want none: the U-Net takes no boxes (attention_type default), want a model of GLIGEN's (gated)")
	_, err = plain.TextToImage(t.Context(), prompt, &Options{BoxShare: 0.5})
	assert.ErrorContains(t, err, "diffusion: box share: have 0.5, want 0: there are no boxes")
	for want, o := range map[string]Options{
		"diffusion: boxes: number 0: have left 0.6":  one(func(b *Box) { b.Left = 0.6 }),
		"diffusion: boxes: number 0: have no phrase": one(func(b *Box) { b.Phrase = "" }),
		"diffusion: boxes: number 0: have a picture, want none: the U-Net knows phrases alone": one(func(b *Box) {
			b.Picture = engine.Tensor(make([]float32, 32), 1, 32)
		}),
		"diffusion: boxes: have 31, want at most 30": {Boxes: make([]Box, 31)},
		"diffusion: box share: have 2":               {Boxes: someBoxes, BoxShare: 2},
		"diffusion: reuse: have it beside boxes":     {Boxes: someBoxes, Reuse: Reuse{Interval: 2}, Steps: 10},
	} {
		_, err := phrases.TextToImage(t.Context(), prompt, &o)
		assert.ErrorContains(t, err, want)
		assert.ErrorIs(t, err, ErrOptions)
	}
}
