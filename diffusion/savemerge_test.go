package diffusion

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// A model into which an adapter was merged draws what the reference draws with the adapter.
func TestMerge(t *testing.T) {
	dir := golden.ModelDir(t, "tiny-sd15")
	for _, tt := range []struct {
		name, file string
		weight     float64
		out        string
	}{
		{"kohya", "kohya", 0, "folder"}, {"kohya_s", "kohya", 0.7, "a.safetensors"}, {"old_s", "diffusers-old", 0.7, "folder"}, {"peft_s", "peft", 0.7, "a.gguf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := golden.Open(t, "pipelines/lora/"+tt.name)
			var c struct {
				Scheduler struct {
					Class  string
					Config map[string]any
				}
				Seed uint64 `json:"generator_seed"`
			}
			g.Decode(&c)
			adapter, out := filepath.Join(t.TempDir(), "a.safetensors"), filepath.Join(t.TempDir(), tt.out)
			require.NoError(t, os.WriteFile(adapter, golden.File(t, "models/lora/tiny-sd15-"+tt.file+".safetensors"), 0o666))
			o := &SaveOptions{DType: "f32", Merge: []MergedAdapter{{adapter, tt.weight}}, OnWarning: func(w string) { t.Error(w) }}
			require.NoError(t, Convert(t.Context(), dir, out, nil, o))
			p, err := Load(out, nil)
			require.NoError(t, err)
			defer p.Close()
			config := pipelineCase{Scheduler: c.Scheduler}
			p.Scheduler = config.config(t)
			r, err := p.TextToImage(t.Context(), "a photo of a cat", &Options{Width: 64, Height: 64, Steps: 6, Guidance: 7.5, Seed: c.Seed})
			require.NoError(t, err)
			golden.Close(t, g.Float32s("final_latents"), r.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

func TestMergeBad(t *testing.T) {
	dir, out := golden.ModelDir(t, "tiny-sd15"), filepath.Join(t.TempDir(), "a")
	bad := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, os.WriteFile(bad, []byte("x"), 0o666))
	for want, a := range map[string]MergedAdapter{
		"no such file":             {Path: bad + "no"},
		bad:                        {Path: bad},
		"weight of NaN for " + bad: {Path: bad, Weight: math.NaN()},
	} {
		err := Convert(context.Background(), dir, out, nil, &SaveOptions{Merge: []MergedAdapter{a}})
		assert.ErrorContains(t, err, want)
		assert.NoDirExists(t, out)
	}
}
