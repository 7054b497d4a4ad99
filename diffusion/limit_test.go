package diffusion

import (
	"context"
	"image"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/sampler"
)

// What an operator limits is refused with an error that tells, before a model runs, and
// what is at the limit is not.
func TestLimits(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxPixels: 64 * 32, MaxSteps: 2, MaxImages: 1})
	require.NoError(t, err)
	defer p.Close()
	draw := func(o Options) error {
		o.Sampler = sampler.Euler{}
		_, err := p.TextToImage(t.Context(), prompt, &o)
		return err
	}
	assert.NoError(t, draw(Options{Width: 64, Height: 32, Steps: 2}))
	assert.NoError(t, draw(Options{Width: 64, Height: 32, Sigmas: []float64{9, 1, 0}}))
	p.UNet.Close() // now a call that runs returns another error
	for _, tt := range []struct {
		options Options
		want    LimitError
	}{
		{Options{Width: 64, Height: 40, Steps: 2}, LimitError{"MaxPixels", 64 * 40, 64 * 32}},
		{Options{Width: 1 << 16, Height: 1 << 16, Steps: 2}, LimitError{"MaxPixels", 1 << 32, 64 * 32}},
		{Options{Width: 64, Height: 32, Steps: 3}, LimitError{"MaxSteps", 3, 2}},
		{Options{Width: 64, Height: 32}, LimitError{"MaxSteps", 50, 2}},
		{Options{Width: 64, Height: 32, Sigmas: []float64{9, 4, 1, 0}}, LimitError{"MaxSteps", 3, 2}},
		{Options{Width: 64, Height: 32, Steps: 2, Images: 2}, LimitError{"MaxImages", 2, 1}},
	} {
		err := draw(tt.options)
		var limit *LimitError
		require.ErrorAs(t, err, &limit)
		assert.Equal(t, tt.want, *limit)
		var option *OptionError
		require.ErrorAs(t, err, &option)
		assert.Equal(t, map[string]string{"MaxPixels": "Width", "MaxSteps": "Steps", "MaxImages": "Images"}[limit.Limit], option.Option)
		assert.ErrorIs(t, err, ErrOptions)
	}
	assert.EqualError(t, draw(Options{Steps: 3}), "diffusion: have 3 steps, want at most 2 (LoadOptions.MaxSteps)")

	large := image.NewNRGBA(image.Rect(0, 0, 128, 64)) // whose size is the picture's
	_, err = p.ImageToImage(context.Background(), prompt, large, &Options{Steps: 2})
	assert.EqualError(t, err, "diffusion: have 8192 pixels in a picture, want at most 2048 (LoadOptions.MaxPixels)")
	_, err = p.Plan(&Options{Width: 64, Height: 64})
	assert.ErrorAs(t, err, new(*LimitError))
}

// The tokens that the U-Net reads in a step are limited, whatever makes them many.
func TestLimitOfTokens(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxTokens: 3 * 77})
	require.NoError(t, err)
	defer p.Close()
	p.UNet.Close() // now a call that runs returns another error
	box := image.Rect(0, 0, 32, 64)
	for _, tt := range []struct {
		prompt, option string
		o              Options
		have           int // more than the limit, or 0
	}{
		{"a", "", Options{}, 0},
		{"a AND b", "", Options{Syntax: SyntaxWebUI}, 0},
		{"a BREAK b BREAK c", "", Options{Syntax: SyntaxWebUI, Guidance: 1}, 0},
		{"a AND b AND c", "Syntax", Options{Syntax: SyntaxWebUI}, 4 * 77},
		{"a BREAK b", "Syntax", Options{Syntax: SyntaxWebUI}, 4 * 77},
		{"[a:b BREAK c:1]", "Syntax", Options{Syntax: SyntaxWebUI}, 4 * 77},
		{strings.Repeat("a ", 200), "Syntax", Options{Syntax: SyntaxComfyUI}, 4 * 77},
		{"", "Syntax", Options{Cond: engine.Tensor(make([]float32, 200*32), 1, 200, 32)}, 277},
		{"a", "", Options{Guidance: 1, Regions: []Region{{Prompt: "b", Box: box}, {Prompt: "c", Box: box}}}, 0},
		{"a", "Regions", Options{Regions: []Region{{Prompt: "b", Box: box}, {Prompt: "c", Box: box, Alone: true}}}, 4 * 77},
		{"a", "Syntax", Options{Syntax: SyntaxWebUI, Guider: PerturbedAttention{}, NegativePrompt: "b BREAK c"}, 6 * 77},
	} {
		tt.o.Width, tt.o.Height, tt.o.Steps = 64, 64, 2
		_, err := p.TextToImage(t.Context(), tt.prompt, &tt.o)
		var limit *LimitError
		if tt.have == 0 {
			require.Error(t, err)
			assert.NotErrorAs(t, err, &limit, tt.prompt)
			continue
		}
		require.ErrorAs(t, err, &limit, tt.prompt)
		assert.Equal(t, LimitError{"MaxTokens", tt.have, 3 * 77}, *limit, tt.prompt)
		var option *OptionError
		require.ErrorAs(t, err, &option)
		assert.Equal(t, tt.option, option.Option, tt.prompt)
	}
	_, err = p.PlanPrompt("a AND b AND c", &Options{Syntax: SyntaxWebUI})
	assert.EqualError(t, err, "diffusion: have 308 tokens of text for a picture, want at most 231 (LoadOptions.MaxTokens)")
}

func TestLimitsThatAreWrong(t *testing.T) {
	for _, o := range []LoadOptions{{MaxPixels: -1}, {MaxSteps: -1}, {MaxImages: -1}, {MaxTokens: -1}} {
		_, err := LoadFS(golden.Model(t, "tiny-sd15"), &o)
		assert.ErrorIs(t, err, ErrOptions)
		assert.ErrorContains(t, err, "have -1, want 1 or more, or 0 for no limit")
	}
}
