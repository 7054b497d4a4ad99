package diffusion

import (
	"context"
	"image"
	"image/color"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/sampler"
)

// compositions are the cases of testdata/compose: a picture of 192×128 pixels in 5 steps.
type compositions struct {
	*Pipeline
	t    testing.TB
	file *safetensors.File
}

func openCompositions(t testing.TB) *compositions {
	file, err := safetensors.OpenFS(os.DirFS("testdata/compose"), "cases.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	var c pipelineCase
	golden.Open(t, "pipelines/text2img/ddim10_g7.5").Decode(&c)
	return &compositions{load(t, "tiny-sd15", &c), t, file}
}

func (c *compositions) values(name string) []float32 {
	x, ok := c.file.Tensor(name)
	require.True(c.t, ok, name)
	v, err := x.Float32s()
	require.NoError(c.t, err)
	return v
}

// options are those of a case, which changes them.
func (c *compositions) options(change func(o *Options)) *Options {
	o := &Options{Width: 192, Height: 128, Steps: 5, Guidance: 7.5, Latents: engine.Tensor(c.values("noise"), 1, 4, 16, 24), Output: OutputLatent}
	change(o)
	return o
}

func (c *compositions) latents(prompt string, o *Options) []float32 {
	c.t.Helper()
	r, err := c.TextToImage(c.t.Context(), prompt, o)
	require.NoError(c.t, err)
	return r.Latents.Float32s()
}

// sloped is a mask with all grays.
func sloped() image.Image {
	m := image.NewGray(image.Rect(0, 0, 192, 128))
	for y := range 128 {
		for x := range 192 {
			m.SetGray(x, y, color.Gray{uint8((3*x + y) % 256)})
		}
	}
	return m
}

// regionCases are those of the reference.
func regionCases() map[string]func(o *Options) {
	return map[string]func(o *Options){
		"halves": func(o *Options) {
			o.Regions = []Region{{Prompt: "a red house", Box: image.Rect(0, 0, 96, 128)}, {Prompt: "a blue boat", Box: image.Rect(96, 0, 192, 128)}}
		},
		"areas": func(o *Options) {
			o.BaseWeight = 1
			o.Regions = []Region{
				{Prompt: "a red house", Box: image.Rect(0, 0, 112, 128), Alone: true, Feather: 64},
				{Prompt: "a blue boat", Box: image.Rect(64, 32, 192, 128), Alone: true, Feather: 64, Weight: 0.7},
			}
		},
		"masked": func(o *Options) {
			o.NegativePrompt = "ugly"
			o.Regions = []Region{
				{Prompt: "a red house", NegativePrompt: "dark", Mask: sloped(), Weight: 1.5},
				{Prompt: "a blue boat", Box: image.Rect(32, 0, 96, 64), Feather: 16, Start: 0.2, End: 0.6},
			}
		},
		"euler": func(o *Options) {
			o.Sampler = sampler.Euler{}
			o.Regions = []Region{{Prompt: "a red house", Mask: sloped()}}
		},
	}
}

func TestRegionGoldens(t *testing.T) {
	c := openCompositions(t)
	for name, change := range regionCases() {
		t.Run(name, func(t *testing.T) {
			golden.Close(t, c.values(name), c.latents("a photo of a cat", c.options(change)), tolerance, name)
		})
	}
}

// Prompts that AND joins, also negatively, as WebUI does; without guidance, too.
func TestJoinedGoldens(t *testing.T) {
	c := openCompositions(t)
	for name, tt := range map[string]struct {
		prompt, negative string
		guidance         float64
	}{
		"joined":   {"a photo of a cat AND a red house :0.5 AND a blue boat :-0.3", "ugly", 7.5},
		"half":     {"a photo of a cat :0.5", "", 7.5},
		"unguided": {"a photo of a cat AND a red house :0.5", "ugly", 1},
	} {
		o := c.options(func(o *Options) { o.Syntax, o.NegativePrompt, o.Guidance = SyntaxWebUI, tt.negative, tt.guidance })
		golden.Close(t, c.values(name), c.latents(tt.prompt, o), tolerance, name)
		o.Reuse.Threshold = 1e-9 // every call is whole
		golden.Close(t, c.values(name), c.latents(tt.prompt, o), tolerance, name+", kept")
		o.Reuse, o.GuidanceInterval = Reuse{}, Interval{Low: 1} // later there is the prompt alone
		assert.NotEqual(t, c.values(name), c.latents(tt.prompt, o))
	}
	o := c.options(func(o *Options) {
		o.Syntax = SyntaxWebUI
		o.Regions = []Region{{Prompt: "a photo of a cat AND a red house :0.5 AND a blue boat :-0.3", NegativePrompt: "ugly", Box: image.Rect(0, 0, 192, 128)}}
	})
	golden.Close(t, c.values("joined"), c.latents("a hill", o), tolerance, "in a region of all")

	distilled := loadFolder(t, golden.Folder(t, "lcm-time-cond"), nil)
	_, err := distilled.TextToImage(t.Context(), "a cat AND a hill", &Options{Syntax: SyntaxWebUI, Steps: 1})
	assert.ErrorContains(t, err, "diffusion: prompt: have weights of parts between AND that are not 1 together, want 1")
}

// A region is the same in any batch, with embeddings in place of its words, and through a
// run that was saved.
func TestRegionsSame(t *testing.T) {
	c := openCompositions(t)
	o := c.options(regionCases()["masked"])
	o.Latents, o.Seed = nil, 3
	want := c.latents("a photo of a cat", o)

	batch := *o
	batch.Seed, batch.Images = 2, 2
	assert.Equal(t, want, c.latents("a photo of a cat", &batch)[len(want):])

	text := func(words string) *tensor.Dense {
		x, err := c.TextEncoder.Encode(t.Context(), [][]int{c.Tokenizer.Encode(words).IDs}, 0)
		require.NoError(t, err)
		return x.Tokens
	}
	given := *o
	given.Regions = append([]Region{}, o.Regions...)
	given.Regions[0].Prompt, given.Regions[0].Cond = "", text("a red house")
	given.Regions[0].NegativePrompt, given.Regions[0].NegativeCond = "", text("dark")
	assert.Equal(t, want, c.latents("a photo of a cat", &given))

	var saved []byte
	halfway := *o
	halfway.OnStep = func(s Step) (err error) {
		if s.Step == 2 {
			saved, err = s.Save()
		}
		return err
	}
	c.latents("a photo of a cat", &halfway)
	resumed := *o
	resumed.Resume = saved
	assert.Equal(t, want, c.latents("a photo of a cat", &resumed))
	other := resumed
	other.Regions = append([]Region{}, o.Regions...)
	other.Regions[1].Box = image.Rect(32, 0, 96, 72)
	_, err := c.TextToImage(t.Context(), "a photo of a cat", &other)
	assert.ErrorContains(t, err, "region 2")
	assert.ErrorIs(t, err, ErrOptions)
}

// Where there is no region the prompt is alone, and a region of the whole is the prompt.
func TestRegionOfAll(t *testing.T) {
	c := openCompositions(t)
	plain := c.latents("a red house", c.options(func(*Options) {}))
	all := c.latents("a photo of a cat", c.options(func(o *Options) { o.Regions = []Region{{Prompt: "a red house", Box: image.Rect(0, 0, 192, 128)}} }))
	golden.Close(t, plain, all, tolerance, "a region of the whole")
	none := c.latents("a red house", c.options(func(o *Options) {
		o.Regions = []Region{{Prompt: "a blue boat", Box: image.Rect(0, 0, 192, 128), Start: 0.95}} // of five steps none
	}))
	assert.Equal(t, plain, none)
	unguided := c.latents("a photo of a cat", c.options(func(o *Options) {
		o.Guidance, o.Regions = 1, []Region{{Prompt: "a red house", NegativePrompt: "dark", Box: image.Rect(0, 0, 192, 128)}}
	}))
	golden.Close(t, c.latents("a red house", c.options(func(o *Options) { o.Guidance = 1 })), unguided, tolerance, "without guidance")
}

func TestRegionErrors(t *testing.T) {
	c := openCompositions(t)
	box := image.Rect(0, 0, 96, 128)
	black := image.NewGray(image.Rect(0, 0, 192, 128))
	for _, tt := range []struct {
		region Region
		want   string
	}{
		{Region{}, "diffusion: region 1: have no box and no mask, want one of the two"},
		{Region{Box: box, Mask: sloped()}, "diffusion: region 1: have a box and a mask, want one of the two"},
		{Region{Box: image.Rect(96, 0, 200, 128)}, "diffusion: region 1: have the box (96,0)-(200,128), want one that is not empty in a picture of 192×128 pixels"},
		{Region{Box: image.Rectangle{Min: image.Pt(5, 5), Max: image.Pt(5, 9)}}, "diffusion: region 1: have the box (5,5)-(5,9), want one that is not empty in a picture of 192×128 pixels"},
		{Region{Box: image.Rect(9, 9, 11, 11)}, "diffusion: region 1: have the box (9,9)-(11,11), which is no cell of 8×8 pixels"},
		{Region{Mask: image.NewGray(image.Rect(0, 0, 64, 64))}, "diffusion: region 1: have a mask of 64×64 pixels, want that of the picture, 192×128"},
		{Region{Mask: black}, "diffusion: region 1: have a mask that is black everywhere, want some of it white"},
		{Region{Mask: sloped(), Alone: true}, "diffusion: region 1: have a mask that is seen alone, want a box, or the whole picture"},
		{Region{Mask: sloped(), Feather: 8}, "diffusion: region 1: have a feather of 8 pixels, want 0 to 65536 for a box, and 0 for a mask, which has its own grays"},
		{Region{Box: box, Weight: -1}, "diffusion: region 1: have a weight of -1, want above 0, to 100"},
		{Region{Box: box, Start: 0.5, End: 0.5}, "diffusion: region 1: have it from 0.5 to 0.5 of the run, want 0 ≤ start < end ≤ 1"},
		{Region{Box: box, Prompt2: "x"}, "diffusion: regions: region 1: prompt: have a text or embedding for a second text encoder, want none: it is for Stable Diffusion XL"},
		{Region{Box: box, Prompt: "x", Cond: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 77, 32))}, "diffusion: regions: have embeddings beside a region 1: prompt, want one of the two"},
		{Region{Box: box, Cond: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 77, 8))}, "regions"},
	} {
		_, err := c.TextToImage(t.Context(), "a cat", c.options(func(o *Options) { o.Regions = []Region{tt.region} }))
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorIs(t, err, ErrOptions, tt.want)
	}
	for _, tt := range []struct {
		change func(o *Options)
		want   string
	}{
		{func(o *Options) { o.BaseWeight = 1 }, "diffusion: base weight: have 1, want 0: there are no regions"},
		{func(o *Options) { o.BaseWeight, o.Regions = -1, []Region{{Box: box}} }, "diffusion: base weight: have -1, want above 0, to 100"},
		{func(o *Options) { o.Reuse.Interval, o.Regions = 2, []Region{{Box: box}} }, "diffusion: regions: have regions beside Reuse, want one of the two"},
		{func(o *Options) { o.Regions = make([]Region, 65) }, "diffusion: regions: have 65, want at most 64"},
	} {
		_, err := c.TextToImage(t.Context(), "a cat", c.options(tt.change))
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorIs(t, err, ErrOptions)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.TextToImage(ctx, "a cat", c.options(func(o *Options) {
		regionCases()["areas"](o)
		o.OnStep = func(Step) error { cancel(); return nil }
	}))
	assert.ErrorIs(t, err, context.Canceled)
}
