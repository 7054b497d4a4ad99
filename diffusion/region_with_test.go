package diffusion

import (
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
)

// Stable Diffusion XL has regions, too, with what it reads beside the tokens.
func TestRegionsXL(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	latents := func(prompt string, o Options) []float32 {
		o.Width, o.Height, o.Steps, o.Output = 64, 64, 2, OutputLatent
		r, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	want := latents("a red house", Options{Prompt2: "on a hill", NegativePrompt: "dark"})
	all := Region{Prompt: "a red house", Prompt2: "on a hill", NegativePrompt: "dark", Box: image.Rect(0, 0, 64, 64)}
	golden.Close(t, want, latents("a cat", Options{Regions: []Region{all}}), tolerance, "a region of the whole")
	all.Alone = true
	golden.Close(t, want, latents("a cat", Options{Regions: []Region{all}}), tolerance, "seen alone")

	_, err := p.TextToImage(t.Context(), "a cat", &Options{Regions: []Region{{Box: image.Rect(0, 0, 8, 8), Cond: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 77, 80))}}})
	assert.ErrorContains(t, err, "there are embeddings of the tokens")
}

// Regions in words beside a prompt in numbers, with conditions of a Guider, through windows,
// and by tiles.
func TestRegionsWith(t *testing.T) {
	c := openCompositions(t)
	numbers := func(words string) *tensor.Dense {
		x, err := c.TextEncoder.Encode(t.Context(), [][]int{c.Tokenizer.Encode(words).IDs}, 0)
		require.NoError(t, err)
		return x.Tokens
	}
	given := c.options(func(o *Options) {
		regionCases()["masked"](o)
		o.NegativePrompt, o.Cond, o.NegativeCond = "", numbers("a photo of a cat"), numbers("ugly")
	})
	golden.Close(t, c.values("masked"), c.latents("", given), tolerance, "a prompt in numbers")

	whole := func(o *Options) { o.Regions = []Region{{Prompt: "a red house", Box: image.Rect(0, 0, 192, 128)}} }
	guided := func(o *Options) {
		o.Guidance, o.Guider = 0, PerturbedAttention{Guider: ClassifierFree{Scale: 4}, Scale: 2}
	}
	want := c.latents("a red house", c.options(guided))
	golden.Close(t, want, c.latents("a hill", c.options(func(o *Options) { guided(o); whole(o) })), tolerance, "with another condition")

	pictures := func(change func(o *Options)) *image.NRGBA {
		r, err := c.TextToImage(t.Context(), "a hill", c.options(func(o *Options) {
			o.Output, o.Steps = OutputImage, 2
			wrapped(o)
			whole(o)
			change(o)
		}))
		require.NoError(t, err)
		return r.Images[0]
	}
	plain := pictures(func(*Options) {})
	assert.Equal(t, plain, pictures(func(o *Options) { o.Tile, o.TileExact = 32, true }))
	assert.NotEqual(t, plain, pictures(func(o *Options) { o.Tile = 64 }))
}

// The second of two passes has the regions where the first one has them.
func TestRegionsTwoPasses(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	mask := func(scale int) image.Image {
		m := image.NewGray(image.Rect(0, 0, 64*scale, 48*scale))
		for i := range m.Pix {
			x, y := i%m.Stride/scale, i/m.Stride/scale
			m.Pix[i] = uint8(4*x - y)
		}
		return m
	}
	regions := func(scale int) []Region {
		return []Region{
			{Prompt: "a boat", Box: image.Rect(8*scale, 0, 64*scale, 40*scale), Feather: 12 * scale, Alone: true},
			{Prompt: "a house", Mask: mask(scale)},
		}
	}
	o := &Options{Steps: 3, Width: 64, Height: 48, Output: OutputLatent, Regions: regions(1)}
	h := HighRes{Scale: 2, Strength: 0.6}
	first, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	large, err := h.Upscaler.Latents(first.Latents, 16, 12)
	require.NoError(t, err)
	again := *o
	again.Width, again.Height, again.Regions = 128, 96, regions(2)
	again.Steps, again.Strength = h.Second(o.Steps)
	want, err := p.LatentsToImage(t.Context(), prompt, large, &again)
	require.NoError(t, err)
	o.HighRes = h
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())

	o.Regions[0].Box.Max.X = 65
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "have the box (8,0)-(65,40), want one that is not empty in a picture of 64×48 pixels")
}
