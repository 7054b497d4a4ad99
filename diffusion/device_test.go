package diffusion_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/unet"
)

func TestParseDevice(t *testing.T) {
	for name, want := range map[string]diffusion.Device{"": {}, "cpu": {}, "cuda": diffusion.CUDA(0), "cuda:0": diffusion.CUDA(0), "cuda:3": diffusion.CUDA(3)} {
		d, err := diffusion.ParseDevice(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, d, name)
	}
	for _, name := range []string{"gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA"} {
		_, err := diffusion.ParseDevice(name)
		assert.ErrorContains(t, err, name)
	}
	assert.Equal(t, "cuda:2", diffusion.CUDA(2).String())
	assert.Equal(t, "a100 on paper", diffusion.OnPaper("a100").String())
	assert.Equal(t, "cpu", diffusion.Device{}.String())
}

// A pipeline for a card on paper can be planned, and its pictures are an error.
// The processor on paper plans as the real one does, and computes nothing.
func TestProcessorOnPaper(t *testing.T) {
	load := &diffusion.LoadOptions{Threads: 3, Weights: diffusion.Float16}
	real, err := diffusion.LoadFS(tinyscenes.FS, load)
	require.NoError(t, err)
	defer real.Close()
	want, err := real.Plan(nil)
	require.NoError(t, err)
	load.Device = diffusion.OnPaper("cpu")
	pipe, err := diffusion.LoadFS(tinyscenes.FS, load)
	require.NoError(t, err)
	defer pipe.Close()
	plan, err := pipe.Plan(nil)
	require.NoError(t, err)
	for i, part := range plan.Parts {
		assert.Equal(t, 3, part.Threads)
		for k := range part.Steps { // the rates of this machine are measured once for both
			assert.Equal(t, want.Parts[i].Steps[k], part.Steps[k])
			assert.NotEmpty(t, part.Steps[k].Phases)
		}
	}
	_, err = pipe.TextToImage(t.Context(), "a boat", nil)
	assert.ErrorContains(t, err, "this processor is one on paper")
}

func TestOnPaper(t *testing.T) {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Device: diffusion.OnPaper("rtx4090")})
	require.NoError(t, err)
	defer pipe.Close()
	plan, err := pipe.Plan(nil)
	require.NoError(t, err)
	require.Len(t, plan.Parts, 3)
	for _, part := range plan.Parts {
		for _, s := range part.Steps {
			assert.Equal(t, s.Launches > 0, s.Moved > 0, s.Operation)
			assert.GreaterOrEqual(t, s.Predicted, s.Roof, s.Operation)
		}
		assert.Positive(t, part.Time())
	}
	_, err = pipe.TextToImage(t.Context(), "a house", nil)
	assert.ErrorContains(t, err, "one on paper")

	for want, o := range map[string]diffusion.Options{
		"scale first": {FreeU: unet.FreeU{B1: 1.2}}, "scale low frequencies": {FreeU: unet.FreeU{S1: 0.5}},
		"around xy": {Seamless: unet.Seamless{X: true, Y: true}}, "blur": {Guider: diffusion.SmoothedEnergy{}},
		"match tokens": {TokenMerging: unet.TokenMerging{Ratio: 0.5}},
	} {
		plan, err := pipe.Plan(&o)
		require.NoError(t, err)
		var launches int
		for _, part := range plan.Parts {
			for _, s := range part.Steps {
				if strings.Contains(s.Operation, want) {
					launches += s.Launches
				}
			}
		}
		assert.Positive(t, launches, want)
	}
	_, err = pipe.Plan(&diffusion.Options{Guider: diffusion.PerturbedAttention{}})
	require.NoError(t, err)

	_, err = diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Device: diffusion.OnPaper("gtx")})
	assert.ErrorContains(t, err, `OnPaper: have a card "gtx", want cpu, rtx3090, rtx4090, a100 or h100`)
	assert.ErrorIs(t, err, diffusion.ErrOptions)
}
