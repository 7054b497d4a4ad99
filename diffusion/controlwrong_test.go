package diffusion

import (
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

func TestControlErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	other := load(t, "tiny-sd15", nil)
	net, adapter := loadControl(t, p, "sd15"), loadControl(t, p, "t2i-full")
	foreign := loadControl(t, other, "sd15")
	img := picture(t, "input.png")
	for want, c := range map[string]Control{
		"controls: number 0: have a control that was not loaded":            {Image: img},
		"number 0: have one that was loaded for another model":              {Loaded: foreign, Image: img},
		"number 0: scale: have 1001, want -1000 to 1000":                    {Loaded: net, Image: img, Scale: 1001},
		"number 0: start: have 1, want 0 to below 1":                        {Loaded: net, Image: img, Start: 1},
		"number 0: end: have 0.2, want above the start, which is 0.3, to 1": {Loaded: net, Image: img, Start: 0.3, End: 0.2},
		"number 0: guess: have true for a T2I-Adapter, want false":          {Loaded: adapter, Image: img, Guess: true},
		"number 0: have no image, want one: none is for inpainting alone":   {Loaded: net},
		"number 0: have an image and a tensor, want one of them":            {Loaded: net, Image: img, Tensor: golden.Fractions("input.x", 1, 3, 64, 64)},
		"number 0: tensor: have shape [1 3 64 32], want [1 3 64 64]":        {Loaded: net, Tensor: golden.Fractions("input.x", 1, 3, 64, 32)},
	} {
		_, err := p.TextToImage(t.Context(), "", &Options{Width: 64, Height: 64, Controls: []Control{c}})
		var option *OptionError
		if assert.ErrorAs(t, err, &option, want) {
			assert.Equal(t, "Controls", option.Option)
			assert.ErrorContains(t, err, want)
		}
	}
	_, err := p.TextToImage(t.Context(), "", &Options{Controls: slices.Repeat([]Control{{Loaded: net, Image: img}}, 17)})
	assert.ErrorContains(t, err, "controls: have 17, want at most 16")
	xl := load(t, "tiny-sdxl", nil)
	_, err = xl.TextToImage(t.Context(), "", &Options{Width: 72, Height: 64, Controls: []Control{{Loaded: loadControl(t, xl, "t2i-xl2"), Image: img}}})
	assert.ErrorContains(t, err, "have 72×64 pixels with a T2I-Adapter that reads squares of 16")
	for want, o := range map[string]*Options{
		"number 0: have a window or region of 72×64 pixels with a T2I-Adapter that reads squares of 16": {Windows: Windows{Width: 72, Height: 64, Overlap: 40}},
		"number 0: have a window or region of 40×32 pixels with a T2I-Adapter that reads squares of 16": {Regions: []Region{{Prompt: "y", Box: image.Rect(8, 0, 48, 32), Alone: true}}},
	} {
		o.Width, o.Height, o.Controls = 128, 64, []Control{{Loaded: loadControl(t, xl, "t2i-xl2"), Image: img}}
		_, err = xl.TextToImage(t.Context(), "", o)
		assert.ErrorContains(t, err, want)
	}
	huge := golden.Fractions("input.x", 1, 3, 64, 64)
	for i := range huge.Float32s() {
		huge.Float32s()[i] = math.MaxFloat32
	}
	for _, l := range []*LoadedControl{net, adapter} {
		_, err = p.TextToImage(t.Context(), "", &Options{Width: 64, Height: 64, Controls: []Control{{Loaded: l, Tensor: huge}}})
		assert.ErrorContains(t, err, "controls: number 0: what it made of its image: element 0 is ")
		assert.ErrorIs(t, err, ErrOptions)
	}

	networks := golden.Networks(t)
	for name, want := range map[string]string{
		"sdxl":      "diffusion: load control: this is a ControlNet for Stable Diffusion XL, the model is Stable Diffusion 1: want a ControlNet for Stable Diffusion 1: unet: controlnet: reads text of 80 numbers a token, the U-Net of 32",
		"t2i-xl":    "the model is Stable Diffusion 1: want a T2I-Adapter for it, this is one for Stable Diffusion XL (squares of 16 pixels)",
		"t2i-light": "makes 4 features, the U-Net takes 3: this T2I-Adapter is for another structure of Stable Diffusion 1 than the model's",
	} {
		_, err := p.LoadControlFS(networks[name].Folder(t), ".")
		assert.ErrorContains(t, err, want)
	}
	_, err = p.LoadControl(filepath.Join(t.TempDir(), "none.safetensors"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A model that reads no text is not called by the name of one that does.
func TestControlsWithoutText(t *testing.T) {
	p, networks := loadTextless(t, golden.Model(t, "tiny-ldm-vq")), golden.Networks(t)
	for name, want := range map[string]string{
		"sd15":     "diffusion: load control: the model reads no text, this ControlNet is for one that does: unet: controlnet: reads a text, which the U-Net does not",
		"t2i-full": "diffusion: load control: the model reads no text, this T2I-Adapter is for one that does: unet: t2i adapter: ",
	} {
		_, err := p.LoadControlFS(networks[name].Folder(t), ".")
		assert.ErrorContains(t, err, want)
	}
}

// A file without one of the tensors of a network is an error, and none that has fewer layers.
func TestCutControls(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for name, cut := range map[string][]string{
		"sd15":     {"down_blocks.0.attentions.0.transformer_blocks.0.norm1.weight", "mid_block.attentions.0.transformer_blocks.0.norm1.weight", "mid_block.attentions.0.norm.bias", "controlnet_down_blocks.3.bias"},
		"t2i-full": {"adapter.body.1.resnets.0.block1.weight", "adapter.body.0.resnets.1.block1.weight", "adapter.body.1.resnets.1.block2.bias", "adapter.conv_in.bias"},
	} {
		for _, missing := range cut {
			for style, called := range map[string]func(name, original string) string{
				"diffusers": func(name, _ string) string { return name }, "original": func(_, original string) string { return original },
			} {
				n := *golden.Networks(t)[name]
				require.Contains(t, n.Tensors, missing)
				delete(n.Tensors, missing)
				_, err := p.LoadControlFS(fstest.MapFS{"x.safetensors": {Data: n.File(t, called)}}, "x.safetensors")
				assert.ErrorContains(t, err, "missing", "%s: %s in the names of %s", name, missing, style)
			}
		}
	}
}
