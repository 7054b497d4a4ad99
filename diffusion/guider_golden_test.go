package diffusion_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/golden"
	"sdgo/sampler"
)

// Models that predict ε and v, guided by the same value, give what diffusers' guidance
// gives. testdata/apg.py wrote the file.
func TestGuiderGolden(t *testing.T) {
	const tolerance = 1e-4 // of whole runs, relative to the largest value
	data, err := os.ReadFile("testdata/apg.json")
	require.NoError(t, err)
	var want struct {
		Settings apg
		Runs     []struct {
			Model   string
			Steps   int
			Bounded int // calls in which the norm's bound held
			Latents []float32
		}
	}
	require.NoError(t, json.Unmarshal(data, &want))
	require.NotZero(t, want.Runs[0].Bounded)
	for _, run := range want.Runs {
		pipe, err := diffusion.LoadFS(golden.Model(t, run.Model), nil)
		require.NoError(t, err)
		defer pipe.Close()
		o := diffusion.Options{Width: 64, Height: 64, Steps: run.Steps, Seed: 3, Sampler: sampler.Euler{}, NegativePrompt: "a dog", Guider: want.Settings}
		result, err := pipe.TextToImage(t.Context(), "a red house", &o)
		require.NoError(t, err)
		golden.Close(t, run.Latents, result.Latents.Float32s(), tolerance, run.Model)

		o.Guider = diffusion.Projected{Scale: want.Settings.Scale, Momentum: want.Settings.Momentum, Norm: want.Settings.Norm, Parallel: want.Settings.Parallel}
		ours, err := pipe.TextToImage(t.Context(), "a red house", &o)
		require.NoError(t, err)
		golden.Close(t, run.Latents, ours.Latents.Float32s(), tolerance, run.Model)

		o.Guider = diffusion.ClassifierFree{Scale: want.Settings.Scale}
		other, err := pipe.TextToImage(t.Context(), "a red house", &o)
		require.NoError(t, err)
		assert.NotEqual(t, result.Images[0].Pix, other.Images[0].Pix)
	}
}
