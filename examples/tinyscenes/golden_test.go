package tinyscenes_test

import (
	"encoding/json"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/golden"
	"sdgo/scheduler"
)

// tolerance is for a whole run, relative to the largest value.
const tolerance = 1e-4

type goldenCase struct {
	Scheduler struct {
		Class  string
		Config map[string]any
	}
	Call struct {
		Prompt         string
		NegativePrompt string  `json:"negative_prompt"`
		Steps          int     `json:"num_inference_steps"`
		Guidance       float64 `json:"guidance_scale"`
	}
	Seed uint64 `json:"generator_seed"`
}

// From a prompt and a seed to the latents and the picture that diffusers makes
// of them with the same scheduler.
func TestGoldens(t *testing.T) {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	t.Cleanup(func() { pipe.Close() })
	for _, name := range golden.Cases(t, "pipelines/tinyscenes") {
		t.Run(path.Base(name), func(t *testing.T) {
			g := golden.Open(t, name)
			var c goldenCase
			g.Decode(&c)
			c.Scheduler.Config["_class_name"] = c.Scheduler.Class
			config, err := json.Marshal(c.Scheduler.Config)
			require.NoError(t, err)
			pipe.Scheduler, err = scheduler.ParseConfig(config)
			require.NoError(t, err)

			result, err := pipe.TextToImage(t.Context(), c.Call.Prompt, &diffusion.Options{
				NegativePrompt: c.Call.NegativePrompt, Steps: c.Call.Steps, Guidance: c.Call.Guidance, Seed: c.Seed,
			})
			require.NoError(t, err)
			golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, "final latents")

			img := result.Images[0] // as [3 H W] with values in [0, 1]
			var pixels []float32
			for channel := range 3 {
				for i := channel; i < len(img.Pix); i += 4 {
					pixels = append(pixels, float32(img.Pix[i])/255)
				}
			}
			golden.Close(t, g.Float32s("image"), pixels, 1.0/255+tolerance, "image, a rounding step")
		})
	}
}

// The model brings what it recommends: the demo prompt with the defaults is one
// of the goldens.
func TestRecommended(t *testing.T) {
	var c goldenCase
	golden.Open(t, "pipelines/tinyscenes/pndm25_red_house").Decode(&c)
	assert.Equal(t, tinyscenes.Steps, c.Call.Steps)
	assert.Equal(t, tinyscenes.Guidance, c.Call.Guidance)
}
