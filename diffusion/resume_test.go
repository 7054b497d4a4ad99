package diffusion

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/sampler"
	"sdgo/unet"
)

// generation is a call with all that decides its picture.
type generation struct {
	pipe      *Pipeline
	task      string // its initial, or p for inpainting
	prompt    string
	img, mask *image.NRGBA
	depth     *tensor.Dense
	o         Options
}

func (c *generation) run(t *testing.T) (*Result, error) {
	switch c.task {
	case "i":
		return c.pipe.ImageToImage(t.Context(), c.prompt, c.img, &c.o)
	case "d":
		return c.pipe.DepthToImage(t.Context(), c.prompt, c.img, c.depth, &c.o)
	case "p":
		return c.pipe.Inpaint(t.Context(), c.prompt, c.img, c.mask, &c.o)
	}
	return c.pipe.TextToImage(t.Context(), c.prompt, &c.o)
}

// saved is the run of a call after its first step.
func (c generation) saved(t *testing.T) (state []byte) {
	stop := errors.New("stop")
	c.o.OnStep = func(s Step) (err error) {
		state, err = s.Save()
		require.NoError(t, err)
		return stop
	}
	_, err := c.run(t)
	require.ErrorIs(t, err, stop)
	return state
}

func nrgba(img image.Image) *image.NRGBA {
	out := image.NewNRGBA(img.Bounds())
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}

// generationOf is a guided call of a task, which deep is for if that sees depth, else p.
func generationOf(t *testing.T, task string, p, deep *Pipeline) generation {
	o := quick(4)
	o.NegativePrompt, o.Guidance = "blur", 5
	if task != "t" {
		o.Strength = 0.9
	}
	if task == "d" {
		p = deep
	}
	return generation{p, task, prompt, nrgba(picture(t, "input.png")), nrgba(picture(t, "mask.png")), depthGolden(t), *o}
}

// A run is resumed by the same call alone; another picture is not mixed into it.
func TestResumeAnother(t *testing.T) {
	skipInShort(t)
	p, deep := load(t, "tiny-sd15", nil), load(t, "tiny-depth", nil)
	rounded := loadWith(t, "tiny-sd15", &LoadOptions{Precision: BFloat16})
	for _, tt := range []struct {
		change func(c *generation)
		want   string // empty: no matter
		tasks  string // initials
	}{
		{func(c *generation) { c.prompt += "s" }, "another prompt", "tip"},
		{func(c *generation) { c.o.NegativePrompt = "" }, "another negative prompt", "tip"},
		{func(c *generation) { c.o.Seed++ }, "another seed", "tip"},
		{func(c *generation) { c.o.Guidance = 6 }, "another guidance", "tip"},
		{func(c *generation) { c.o.Guidance = 1 }, "another guidance", "tip"},
		{func(c *generation) { c.o.GuidanceRescale = 0.5 }, "another guidance rescale", "tip"},
		{func(c *generation) { c.o.GuidanceInterval.High = 5 }, "another guidance interval", "tip"},
		{func(c *generation) { c.o.ClipSkip = 1 }, "another clip skip", "tip"},
		{func(c *generation) { c.o.TokenMerging = unet.TokenMerging{Ratio: 0.5} }, "another token merging", "tip"},
		{func(c *generation) { c.o.Width, c.o.Height = 32, 128 }, "another", "tip"},
		{func(c *generation) { c.o.Width = 72 }, "have a run of 256 numbers, want 288", "tip"},
		{func(c *generation) { c.o.Images = 2 }, "have a run of 256 numbers, want 512", "tip"},
		{func(c *generation) { c.o.Images, c.o.Width = 2, 32 }, "another", "tip"},
		{func(c *generation) { c.o.Sampler = sampler.Euler{} }, "have a run of sampler.EulerAncestral", "tip"},
		{func(c *generation) { c.o.Sampler = sampler.EulerAncestral{SNoise: 0.9} }, "have a run of sampler.EulerAncestral", "tip"},
		{func(c *generation) { c.o.Schedule = "karras" }, "other levels", "tip"},
		{func(c *generation) { c.o.Steps = 4 }, "other levels", "tip"},
		{func(c *generation) {
			c.o.NewNoise = func(s uint64) sampler.Noise { return sampler.NewPhilox(s).Normal }
		}, "began with other noise", "tip"},
		{func(c *generation) { c.img.SetNRGBA(9, 9, color.NRGBA{1, 2, 3, 255}) }, "another image", "ipd"},
		{func(c *generation) { c.depth.Float32s()[3*64+3]++ }, "another depth", "d"},
		{func(c *generation) { c.mask.SetNRGBA(0, 0, color.NRGBA{255, 255, 255, 255}) }, "another mask", "p"},
		{func(c *generation) { c.o.MaskCells = MaskCellsSample }, "another mask", "p"},
		{func(c *generation) {
			c.task = (map[string]string{"t": "i", "i": "p", "p": "i"})[c.task]
		}, "diffusion: resume: ", "tip"},
		{func(c *generation) { c.pipe = rounded }, "another U-Net", "tip"},
		{func(c *generation) { c.o.Tile = 128 }, "", "tipd"},
		{func(c *generation) { c.o.KeepOutside = true }, "", "p"},
		{func(c *generation) { c.o.OnStep = func(Step) error { return nil } }, "", "tip"},
	} {
		for k := range strings.SplitSeq(tt.tasks, "") {
			c := generationOf(t, k, p, deep)
			c.o.Resume = c.saved(t)
			tt.change(&c)
			_, err := c.run(t)
			if tt.want == "" {
				assert.NoError(t, err, "%s", k)
				continue
			}
			assert.ErrorContains(t, err, "diffusion: resume: ", "%s", k)
			assert.ErrorContains(t, err, tt.want, "%s", k)
		}
	}
}

// Bytes that are not a whole saved run are errors, wherever they are cut or changed.
func TestResumeBroken(t *testing.T) {
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		c := generation{pipe: p, task: "t", prompt: prompt, o: *o}
		state := c.saved(t)
		try := func(state []byte) {
			c.o.Resume = state
			_, err := c.run(t)
			assert.ErrorContains(t, err, "diffusion: resume: ")
		}
		for i := 0; i < len(state); i += 1 + len(state)/40 {
			try(state[:i])
			changed := slices.Clone(state)
			changed[i] ^= 1
			try(changed)
		}
		try(append(slices.Clone(state), 0))
		try(make([]byte, 1000))
	})
}

// A run that was stopped, saved and resumed gives the picture of one that was
// not, its noise included.
func TestResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	o := quick(4)
	o.Images = 2
	want, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	stop := errors.New("stop")
	var state []byte
	first := *o
	first.OnStep = func(s Step) error {
		if s.Step < 2 {
			return nil
		}
		state, err = s.Save()
		require.NoError(t, err)
		return stop
	}
	_, err = p.Inpaint(t.Context(), prompt, img, mask, &first)
	require.ErrorIs(t, err, stop)

	rest := *o
	rest.Resume = state
	var steps []int
	rest.OnStep = func(s Step) error {
		steps = append(steps, s.Step)
		return nil
	}
	got, err := p.Inpaint(t.Context(), prompt, img, mask, &rest)
	require.NoError(t, err)
	assert.Equal(t, []int{3}, steps)
	assert.Equal(t, want.Images, got.Images)

	rest.Sampler = sampler.Euler{}
	_, err = p.Inpaint(t.Context(), prompt, img, mask, &rest)
	assert.ErrorContains(t, err, "diffusion: resume: sampler: saved run: have a run of sampler.EulerAncestral")
	rest = *o
	rest.Resume, rest.Images = state, 1
	_, err = p.Inpaint(t.Context(), prompt, img, mask, &rest)
	assert.ErrorContains(t, err, "have a run of 512 numbers, want 256")
}
