package adapter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/adapter"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// tolerance is for weights of a few sums in float32, relative to the largest.
const tolerance = 1e-5

// model is the U-Net of a tiny model.
func model(t testing.TB, name string) checkpoint.Source {
	src, err := unet.Open(t.Context(), golden.Model(t, name), "unet", "")
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	return src
}

// Every kind, in the names of its tool, gives the weights that LyCORIS and PEFT give.
func TestMerge(t *testing.T) {
	files, err := filepath.Glob("testdata/*.want.safetensors")
	require.NoError(t, err)
	require.Len(t, files, 17)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".want.safetensors")
		t.Run(name, func(t *testing.T) {
			weight, source := 1.0, name
			if base, ok := strings.CutSuffix(name, "-0.6"); ok || name == "peft-rslora" {
				weight, source = 0.6, base
			}
			f, err := adapter.Open(t.Context(), os.DirFS("testdata"), source+".safetensors")
			require.NoError(t, err)
			defer f.Close()
			merged, warnings, err := adapter.Merge(t.Context(), map[string]checkpoint.Source{adapter.UNet: model(t, "tiny-sd15")}, adapter.Use{File: f, Weight: weight})
			require.NoError(t, err)
			assert.Empty(t, warnings)
			want, err := safetensors.Open(file)
			require.NoError(t, err)
			defer want.Close()
			src := merged[adapter.UNet]
			for _, key := range want.Names() {
				w, _ := want.Tensor(key)
				numbers, err := w.Float32s()
				require.NoError(t, err)
				have := make([]float32, len(numbers))
				half := len(have) / 2
				require.NoError(t, src.Float32s(key, 0, have[:half]))
				require.NoError(t, src.Float32s(key, half, have[half:]))
				base := make([]float32, len(numbers))
				require.NoError(t, model(t, "tiny-sd15").Float32s(key, 0, base))
				assert.NotEqual(t, base, have, key)
				golden.Close(t, numbers, have, tolerance, key)
			}
		})
	}
}
