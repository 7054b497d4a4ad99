package diffusion

import (
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// loraFile is an adapter of the reference's.
func loraFile(t testing.TB, name string) fs.FS {
	return fstest.MapFS{"lora.safetensors": {Data: golden.File(t, "models/lora/"+name+".safetensors")}}
}

// lora loads one.
func lora(t testing.TB, p *Pipeline, name string) *LoadedAdapter {
	a, err := p.LoadAdapterFS(loraFile(t, name), "lora.safetensors")
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// Files of kohya's, PEFT's and diffusers' old names give the reference's pictures, at
// weights of 1 and 0.7.
func TestAdapterGoldens(t *testing.T) {
	for _, name := range golden.Cases(t, "pipelines/lora") {
		t.Run(path.Base(name), func(t *testing.T) {
			g := golden.Open(t, name)
			var c struct {
				pipelineCase
				What  string
				Model []string
				Call  struct {
					Prompt string
					Steps  int `json:"num_inference_steps"`
				}
			}
			g.Decode(&c)
			p := load(t, c.Model[0], nil)
			p.Scheduler = c.config(t)
			weight := 1.0
			if strings.Contains(c.What, "scale 0.7") {
				weight = 0.7
			}
			a := lora(t, p, strings.TrimPrefix(c.Model[1], "lora/"))
			require.Empty(t, a.Warnings)
			result, err := p.TextToImage(t.Context(), c.Call.Prompt, &Options{
				Width: 64, Height: 64, Steps: c.Call.Steps, Guidance: 7.5, Seed: c.Seed, Adapters: []Adapter{{a, weight}},
			})
			require.NoError(t, err)
			golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, "final latents")
			if g.Has("image") {
				golden.Close(t, g.Float32s("image"), unit(result.Images), 1.0/255+tolerance, "image, a rounding step")
			}
		})
	}
}
