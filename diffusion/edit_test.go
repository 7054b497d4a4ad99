package diffusion

import (
	"context"
	"image"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
	"sdgo/sampler"
)

// wider gives a U-Net more input channels, whose weights are half of its own, as
// testdata/tasks/gen.py does.
func wider(more int) func(part string, src checkpoint.Source) (checkpoint.Source, error) {
	return func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		if part != "unet" {
			return src, nil
		}
		const key = "conv_in.weight"
		shape, _, _ := src.Tensor(key)
		out, taps := shape[0], shape[2]*shape[3]
		w := make([]float32, out*4*taps)
		if err := src.Float32s(key, 0, w); err != nil {
			return nil, err
		}
		var wide []float32
		for filter := range slices.Chunk(w, 4*taps) {
			wide = append(wide, filter...)
			for _, v := range filter[:more*taps] {
				wide = append(wide, v/2)
			}
		}
		o := checkpoint.NewOverlay(src)
		if err := o.Set(key, engine.Tensor(wide, out, 4+more, shape[2], shape[3])); err != nil {
			return nil, err
		}
		return o, o.SetConfig("in_channels", 4+more)
	}
}

// editor is a model that edits by instruction.
func editor(t testing.TB, name string, keys map[string]string) *Pipeline {
	model := golden.Model(t, name)
	if keys != nil {
		model = xlWith(t.(*testing.T), keys)
	}
	p, err := LoadFS(model, &LoadOptions{Overlay: wider(4)})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	if name == "tiny-sd15" {
		p.Scheduler = ddim(t)
	}
	return p
}

// What diffusers' pipelines for InstructPix2Pix make, of both families.
func TestEditGolden(t *testing.T) {
	img := picture(t, "input.png")
	for _, tt := range []struct {
		name, model string
		keys        map[string]string
		o           Options
	}{
		{"edit", "tiny-sd15", nil, Options{}},
		{"edit_strong", "tiny-sd15", nil, Options{Guidance: 4, ImageGuidance: 2.5, NegativePrompt: "blurry"}},
		{"edit_off", "tiny-sd15", nil, Options{Guidance: 4, ImageGuidance: 0.5}},
		{"edit_xl", "tiny-sdxl", nil, Options{NegativePrompt: "blurry", Framing: Framing{Original: image.Pt(70, 90)}}},
		{"edit_cosxl", "tiny-sdxl", map[string]string{"is_cosxl_edit": "true"}, Options{GuidanceRescale: 0.6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := editor(t, tt.model, tt.keys)
			assert.Equal(t, 100, p.Defaults().Steps)
			tt.o.Steps, tt.o.Seed = 5, 4242
			r, err := p.Edit(t.Context(), prompt, img, &tt.o)
			require.NoError(t, err)
			closeTask(t, tt.name, r)
		})
	}
}

// byHand is ImageGuided as a caller would write it.
type byHand struct{ Scale, ImageScale float32 }

func (byHand) Needs(float64) []Condition { return []Condition{Cond, ImageCond, Uncond} }

func (g byHand) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	cond, img, uncond := p.Output(Cond), p.Output(ImageCond), p.Output(Uncond)
	out := make([]float32, len(cond))
	for i := range out {
		out[i] = uncond[i] + float32(g.Scale*float32(cond[i]-img[i])) + float32(g.ImageScale*float32(img[i]-uncond[i]))
	}
	return sampler.Estimate{Denoised: p.FromOutput(out)}, nil
}

// A caller's Guider sees all three conditions, and may be wrapped and resumed.
func TestEditGuider(t *testing.T) {
	p, img := editor(t, "tiny-sd15", nil), picture(t, "input.png")
	run := func(o Options) []float32 {
		o.Steps, o.Seed, o.Images = 4, 3, 2
		r, err := p.Edit(t.Context(), prompt, img, &o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	want := run(Options{Guidance: 6, ImageGuidance: 2})
	assert.Equal(t, want, run(Options{Guider: byHand{6, 2}}))
	assert.Equal(t, want, run(Options{Guider: ImageGuided{6, 2}}))
	assert.Equal(t, run(Options{}), run(Options{Guider: ImageGuided{}}))
	assert.NotEqual(t, want, run(Options{Guider: ClassifierFree{6}}), "which knows two conditions alone")
	limited := run(Options{Guidance: 6, ImageGuidance: 2, GuidanceInterval: Interval{High: 1}})
	assert.NotEqual(t, want, limited)

	one := &Options{Steps: 4, Seed: 4, Guidance: 6, ImageGuidance: 2}
	var saved []byte
	one.OnStep = func(s Step) (err error) {
		if s.Step == 2 {
			saved, err = s.Save()
		}
		return err
	}
	alone, err := p.Edit(t.Context(), prompt, img, one)
	require.NoError(t, err)
	assert.Equal(t, want[len(want)/2:], alone.Latents.Float32s(), "an image is the same alone")
	again := *one
	again.Resume, again.OnStep = saved, nil
	resumed, err := p.Edit(t.Context(), prompt, img, &again)
	require.NoError(t, err)
	assert.Equal(t, alone.Images[0].Pix, resumed.Images[0].Pix)
	again.ImageGuidance = 3
	_, err = p.Edit(t.Context(), prompt, img, &again)
	assert.ErrorContains(t, err, "image guidance")
}

// What AND joins adds to the image, which counts as much as with one part.
func TestEditAnd(t *testing.T) {
	p, img := editor(t, "tiny-sd15", nil), picture(t, "input.png")
	run := func(instruction string, guidance float64) []float32 {
		o := &Options{Syntax: SyntaxWebUI, NegativePrompt: "grey", Guidance: guidance, ImageGuidance: 2, Steps: 3, Sampler: sampler.Euler{}, Output: OutputLatent}
		r, err := p.Edit(t.Context(), instruction, img, o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	golden.Close(t, run("grey", 6), run("grey AND grey", 6), tolerance, "parts that say nothing")
	golden.Close(t, run("a red house", 3), run("a red house :0.5", 6), tolerance, "half of the guidance")
	golden.Close(t, run("a red house", 3), run("a red house :0.2 AND a red house :0.3", 6), tolerance, "in two parts")
}

func TestEditErrors(t *testing.T) {
	plain, edits, img := load(t, "tiny-sd15", nil), editor(t, "tiny-sd15", nil), picture(t, "input.png")
	_, err := plain.Edit(t.Context(), prompt, img, nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 4 input channels (in_channels), want 8 for editing by instruction, as InstructPix2Pix: this model is for text-to-image and image-to-image")
	_, err = edits.ImageToImage(t.Context(), prompt, img, nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 8 input channels (in_channels), want 4 for text-to-image and image-to-image: this model is for editing by instruction, as InstructPix2Pix")
	for want, o := range map[string]Options{
		"diffusion: image guidance: have -1, want 0 to 1000":           {ImageGuidance: -1},
		"diffusion: image guidance: have 2 beside a Guider":            {ImageGuidance: 2, Guider: ImageGuided{}},
		"diffusion: strength: have 0.5, want 0":                        {Strength: 0.5},
		"diffusion: guider: image guided: have an ImageScale of -1":    {Guider: ImageGuided{ImageScale: -1}},
		"diffusion: guider: image guided: have a Scale of -1":          {Guider: ImageGuided{Scale: -1}},
		"diffusion: noise level: have 3, want 0: editing has no noise": {NoiseLevel: 3},
	} {
		_, err := edits.Edit(t.Context(), prompt, img, &o)
		assert.ErrorContains(t, err, want)
		assert.ErrorIs(t, err, ErrOptions)
	}
	_, err = plain.TextToImage(t.Context(), prompt, &Options{ImageGuidance: 2})
	assert.ErrorContains(t, err, "diffusion: image guidance: have 2, want 0: text-to-image has no guidance by an image")
	_, err = plain.TextToImage(t.Context(), prompt, &Options{Guider: ImageGuided{}})
	assert.ErrorContains(t, err, `needs "image" at sigma`)
	_, err = edits.Edit(t.Context(), prompt, nil, nil)
	assert.EqualError(t, err, "diffusion: image: have no image")
}
