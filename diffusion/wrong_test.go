package diffusion

import (
	"math"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/sampler"
	"sdgo/unet"
)

// What is wrong with the options is told apart from what is wrong with the world.
func TestErrOptions(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	wrongOption := func(err error, option string) {
		t.Helper()
		assert.ErrorIs(t, err, ErrOptions, option)
		var wrong *OptionError
		if assert.ErrorAs(t, err, &wrong, option) {
			assert.Equal(t, option, wrong.Option, "%v", err)
		}
	}
	for _, tt := range []struct {
		option string
		o      Options
	}{
		{"Steps", Options{Steps: 1001}},
		{"Steps", Options{Steps: 1000}}, // of which the model's schedule allows 999
		{"Steps", Options{Sigmas: []float64{2, 1, 0}, Steps: 3}},
		{"Images", Options{Images: -1}},
		{"Width", Options{Width: 9}},
		{"Height", Options{Width: 64, Height: -8}},
		{"Guidance", Options{Guidance: math.Inf(1)}},
		{"GuidanceRescale", Options{GuidanceRescale: 2}},
		{"GuidanceInterval", Options{GuidanceInterval: Interval{2, 1}}},
		{"Eta", Options{Sampler: sampler.Euler{}, Eta: 1}},
		{"Eta", Options{Eta: -1}},
		{"Sampler", Options{Sampler: sampler.DDIMInverse{}}},
		{"Sampler", Options{Sampler: (*sampler.Euler)(nil)}},
		{"Schedule", Options{Schedule: "nosuch"}},
		{"Schedule", Options{Schedule: "nosuch", Steps: 1000, Sampler: sampler.Euler{}}},
		{"Sigmas", Options{Sigmas: []float64{1}}},
		{"Sigmas", Options{Sigmas: []float64{1, 0}, Schedule: "karras"}},
		{"Tile", Options{Tile: 31}},
		{"Tile", Options{Tile: -5}},
		{"TileExact", Options{Width: 64, Height: 64, Tile: 32, TileExact: true, Seamless: unet.Seamless{Y: true}}},
		{"Latents", Options{Latents: nn.Tensor(2, 4, 8, 8)}},
		{"Latents", Options{Width: 64, Height: 64, Latents: engine.Tensor(slices.Repeat([]float32{float32(math.NaN())}, 256), 1, 4, 8, 8)}},
		{"NewNoise", Options{NewNoise: func(uint64) sampler.Noise { return nil }}},
		{"Wrap", Options{Wrap: func(sampler.Denoiser) sampler.Denoiser { return nil }}},
		{"Resume", Options{Resume: []byte("junk")}},
		{"Reuse", Options{Reuse: Reuse{Interval: 2, Branch: 99}}},
		{"TokenMerging", Options{TokenMerging: unet.TokenMerging{Ratio: 2}}},
		{"FreeU", Options{FreeU: unet.FreeU{B1: -1}}},
		{"ClipSkip", Options{ClipSkip: 99}},
		{"ClipSkip", Options{ClipSkip: -1}},
		{"Cond", Options{Cond: nn.Tensor(1, 77, 32)}}, // beside a prompt
		{"Strength", Options{Strength: 0.5}},
		{"Mask", Options{Mask: MaskAlpha}},
		{"KeepOutside", Options{KeepOutside: true}},
	} {
		_, err := p.TextToImage(t.Context(), "x", &tt.o)
		wrongOption(err, tt.option)
	}
	_, err := p.Plan(&Options{Guidance: math.NaN()})
	wrongOption(err, "Guidance")
	for option, o := range map[string]LoadOptions{"Threads": {Threads: 1025}, "MaxMemory": {MaxMemory: -1}, "Precision": {Precision: "int3"}} {
		_, err := LoadFS(fstest.MapFS{}, &o)
		wrongOption(err, option)
	}
}

// What is wrong with the world, or too large for it.
func TestNoErrOptions(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	_, err := LoadFS(fstest.MapFS{}, nil)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, ErrOptions)
	_, err = p.ImageToImage(t.Context(), "x", nil, nil)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, ErrOptions)
	_, err = p.TextToImage(t.Context(), "x", &Options{Width: 1 << 15, Height: 1 << 15})
	assert.ErrorContains(t, err, "GiB")
	assert.ErrorIs(t, err, ErrTooLarge)
	assert.NotErrorIs(t, err, ErrNoRoom)
	assert.NotErrorIs(t, err, ErrOptions)
}
