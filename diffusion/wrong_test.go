package diffusion

import (
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"sdgo/sampler"
	"sdgo/unet"
)

// What is wrong with the options is told apart from what is wrong with the world.
func TestErrOptions(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for name, o := range map[string]Options{
		"steps":    {Steps: 1001},
		"width":    {Width: 9},
		"sampler":  {Sampler: sampler.Euler{}, Eta: 1},
		"schedule": {Schedule: "nosuch"},
		"sigmas":   {Sigmas: []float64{1}},
		"tile":     {Tile: 31},
		"branch":   {Reuse: Reuse{Interval: 2, Branch: 99}},
		"merging":  {TokenMerging: unet.TokenMerging{Ratio: 2}},
		"clip":     {ClipSkip: 99},
	} {
		_, err := p.TextToImage(t.Context(), "x", &o)
		assert.ErrorIs(t, err, ErrOptions, name)
	}
	_, err := p.Plan(&Options{Guidance: math.NaN()})
	assert.ErrorIs(t, err, ErrOptions)
	for name, o := range map[string]LoadOptions{"threads": {Threads: 1025}, "memory": {MaxMemory: -1}, "precision": {Precision: "int3"}} {
		_, err := LoadFS(fstest.MapFS{}, &o)
		assert.ErrorIs(t, err, ErrOptions, name)
		assert.ErrorContains(t, err, name)
	}
	_, err = LoadFS(fstest.MapFS{}, nil)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, ErrOptions)
	_, err = p.ImageToImage(t.Context(), "x", nil, nil)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, ErrOptions)
	_, err = p.TextToImage(t.Context(), "x", &Options{Width: 1 << 15, Height: 1 << 15})
	assert.ErrorContains(t, err, "GiB")
	assert.NotErrorIs(t, err, ErrOptions)
}
