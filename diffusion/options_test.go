package diffusion

import (
	"context"
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/nn"
	"sdgo/sampler"
)

func TestBadOptions(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	latents := nn.Tensor(1, 4, 8, 8)
	latents.Float32s()[3] = float32(math.NaN())
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Steps: -1}, "diffusion: steps: have -1, want 1 to 1000"},
		{Options{Steps: 1001}, "diffusion: steps: have 1001, want 1 to 1000"},
		{Options{Guidance: math.NaN()}, "diffusion: guidance: have NaN"},
		{Options{Guidance: -3}, "diffusion: guidance: have -3, want 0 to 1000"},
		{Options{GuidanceRescale: 2}, "diffusion: guidance rescale: have 2, want 0 to 1"},
		{Options{Eta: 1.5}, "diffusion: eta: have 1.5, want 0 to 1"},
		{Options{Eta: 0.5, Sampler: sampler.Euler{}}, "diffusion: eta: have 0.5, want 0"},
		{Options{Images: -1}, "diffusion: images: have -1, want 1 to 1024"},
		{Options{ClipSkip: -1}, "diffusion: clip skip: have -1, want 0 or more"},
		{Options{ClipSkip: 3}, "clip skip: have 3, want 0 to 2"},
		{Options{Width: 100}, "diffusion: size: have 100×128 pixels, want multiples of 8"},
		{Options{Height: -8}, "diffusion: size: have 128×-8 pixels"},
		{Options{Width: 1 << 30}, "diffusion: size"},
		{Options{Width: 1 << 16, Height: 1 << 16}, "more than the limit of"},
		{Options{Width: 1 << 16, Height: 1 << 16, Tile: 64}, "more than the limit of"},
		{Options{Tile: 48}, "tile: have 48 pixels, want a positive multiple of 32"},
		{Options{Tile: -2}, "tile: have -2 pixels, want a positive multiple of 32"},
		{Options{Schedule: "no such"}, "no such"},
		{Options{Latents: nn.Tensor(2, 4, 8, 8), Width: 64, Height: 64}, "diffusion: latents: have [2 4 8 8] of float32, want contiguous [1 4 8 8]"},
		{Options{Latents: latents, Width: 64, Height: 64}, "initial latents: element 3 is NaN"},
		{Options{Sampler: (*sampler.Euler)(nil)}, "sampler: have a nil *sampler.Euler"},
		{Options{Steps: 1000}, "; 999 steps would do"},
		{Options{Steps: 1000, Sampler: sampler.Euler{}, Schedule: "karras_full", DiscardPenultimate: true}, "steps: have 1000, want at most 999 with DiscardPenultimate"},
	} {
		_, err := p.TextToImage(t.Context(), prompt, &tt.o)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestBadImages(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	mask := func(v uint8) image.Image {
		m := image.NewGray(img.Rect)
		for i := range m.Pix {
			m.Pix[i] = v
		}
		return m
	}
	type call = func(context.Context, *Options) (*Result, error)
	imageToImage := func(img image.Image) call {
		return func(ctx context.Context, o *Options) (*Result, error) { return p.ImageToImage(ctx, prompt, img, o) }
	}
	inpaint := func(mask image.Image) call {
		return func(ctx context.Context, o *Options) (*Result, error) { return p.Inpaint(ctx, prompt, img, mask, o) }
	}
	for _, tt := range []struct {
		call call
		o    Options
		want string
	}{
		{imageToImage(nil), Options{}, "image: have no image"},
		{imageToImage(image.NewNRGBA(image.Rectangle{})), Options{}, "empty image"},
		{imageToImage(image.NewUniform(color.White)), Options{}, "image"},
		{imageToImage(image.NewNRGBA(image.Rect(0, 0, 5, 64))), Options{}, "diffusion: image: have 5×64 pixels, want at least 8×8"},
		{imageToImage(img), Options{Strength: 1.01}, "diffusion: strength: have 1.01, want above 0, to 1"},
		{imageToImage(img), Options{Strength: -0.5}, "diffusion: strength: have -0.5"},
		{imageToImage(img), Options{Strength: 0.01, Sampler: sampler.Euler{}}, "strength: have 0.01 of 50 steps with 50 levels, which leaves no step"},
		{inpaint(mask(255)), Options{Strength: 0.01}, "strength: have 0.01 of 50 steps, which leaves no step"},
		{inpaint(mask(0)), Options{}, ErrEmptyMask.Error()},
		{imageToImage(image.NewNRGBA(image.Rect(0, 0, 7, 7))), Options{}, "diffusion: image: have 7×7 pixels, want at least 8×8"},
		{imageToImage(image.NewNRGBA(image.Rect(0, 0, 7, 7))), Options{Width: 64}, "diffusion: image: have 7×7 pixels, want at least 8×8"},
		{inpaint(nil), Options{}, "mask: have no image"},
		{inpaint(mask(255)), Options{Mask: 7}, "have mode 7"},
		{inpaint(mask(255)), Options{MaskCells: 7}, "mask cells: have 7"},
	} {
		_, err := tt.call(t.Context(), &tt.o)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestDefaultSize(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, tt := range []struct {
		sampleSize    any
		width, height int
	}{
		{nil, 512, 512},
		{16.0, 128, 128},
		{[]any{6.0, 9.0}, 72, 48}, // height first
		{"large", 512, 512},
	} {
		p.UNet.Config.SampleSize = tt.sampleSize
		width, height := p.defaultSize()
		assert.Equal(t, [2]int{tt.width, tt.height}, [2]int{width, height}, "%v", tt.sampleSize)
	}
}

// An option that is for another task is an error, not ignored.
func TestOptionsOfOtherTasks(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	const text, image, paint = "text-to-image", "image-to-image", "inpainting"
	run := tasks(t, p)
	for _, tt := range []struct {
		set     func(o *Options)
		refused []string
		want    string
	}{
		{func(o *Options) { o.Strength = 1 }, []string{text}, "diffusion: strength: have 1, want 0: text-to-image has no image"},
		{func(o *Options) { o.KeepOutside = true }, []string{text, image}, "diffusion: keep outside: have true"},
		{func(o *Options) { o.Mask = MaskAlpha }, []string{text, image}, "diffusion: mask: have alpha, want none"},
		{func(o *Options) { o.MaskCells = MaskCellsSample }, []string{text, image}, "diffusion: mask cells: have sample, want none"},
		{func(o *Options) { o.Eta = 0.5 }, []string{text, image, paint}, "diffusion: eta: have 0.5, want 0"},
		{func(o *Options) { o.Sigmas = []float64{9, 4, 1} }, []string{text, image, paint}, "diffusion: steps: have 3 beside 3 sigmas, want 0 or 2"},
		{func(o *Options) { o.Sigmas, o.Schedule = []float64{9, 4, 1, 0}, "karras" }, []string{text, image, paint}, "sigmas: have them beside a schedule"},
		{func(o *Options) { o.Sigmas = []float64{9, 4, 1, 0} }, nil, ""},
		{func(o *Options) {
			o.Guidance, o.NegativePrompt, o.GuidanceRescale, o.GuidanceInterval.Low = 1, "blur", 0.5, 1
		}, nil, ""},
	} {
		for task, run := range run {
			o := quick(1)
			tt.set(o)
			if task == paint && o.Mask == MaskAlpha { // the mask is opaque
				continue
			}
			if err := run(t.Context(), o); slices.Contains(tt.refused, task) {
				assert.ErrorContains(t, err, tt.want, task)
			} else {
				assert.NoError(t, err, task)
			}
		}
	}
}
