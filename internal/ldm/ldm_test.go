package ldm_test

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
)

// open opens a file of a file system.
func open(t *testing.T, fsys fs.FS, name string) *loader.Folder {
	t.Helper()
	f, err := loader.OpenFile(t.Context(), fsys, name+".safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// numbers returns a whole tensor, read in two parts.
func numbers(t *testing.T, src checkpoint.Source, name string) ([]int, []float32) {
	t.Helper()
	shape, _, ok := src.Tensor(name)
	require.True(t, ok, name)
	x := make([]float32, tensor.Shape(shape).TotalSize())
	first := len(x) / 3
	require.NoError(t, src.Float32s(name, 0, x[:first]), name)
	require.NoError(t, src.Float32s(name, first, x[first:]), name)
	return shape, x
}

// same wants two checkpoints to have the same tensors.
func same(t *testing.T, want, have checkpoint.Source) {
	t.Helper()
	names := slices.DeleteFunc(want.Names(), func(name string) bool { return strings.HasSuffix(name, ".position_ids") })
	assert.ElementsMatch(t, names, have.Names())
	for _, name := range names {
		shape, x := numbers(t, want, name)
		got, y := numbers(t, have, name)
		require.Equal(t, shape, got, name)
		require.True(t, slices.Equal(x, y), name)
	}
}

// kinds are the parts of a folder.
var kinds = map[string]loader.Kind{
	ldm.TextEncoder: loader.TextEncoder, ldm.TextEncoder2: loader.TextEncoder, ldm.UNet: loader.UNet, ldm.VAE: loader.VAE,
}

// unsaid are keys of a config.json that say nothing of the structure, or that only the
// folder knows.
var unsaid = []string{"_diffusers_version", "torch_dtype", "sample_size", "force_upcast", "upcast_attention", "projection_dim", "layers_per_block", "transformer_layers_per_block", "architectures"}

// sameConfig wants what the file says of a part to be what the folder's config.json says.
func sameConfig(t *testing.T, want, have checkpoint.Source, but ...string) {
	t.Helper()
	var w, h map[string]any
	require.NoError(t, json.Unmarshal(want.Config(), &w))
	require.NoError(t, json.Unmarshal(have.Config(), &h))
	for key, value := range h {
		if slices.Contains(unsaid, key) || slices.Contains(but, key) {
			continue
		}
		if list, ok := value.([]any); ok && len(slices.Compact(slices.Clone(list))) == 1 {
			if _, one := w[key].([]any); !one {
				value = list[0]
			}
		}
		assert.Equal(t, w[key], value, key)
	}
}

// Every tensor of a file is that of the folder.
func TestFolders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		family ldm.Family
	}{{"tiny-sd15", ldm.SD1}, {"tiny-sd15-4blk", ldm.SD1}, {"tiny-sd21-v", ldm.SD2}, {"tiny-sdxl", ldm.SDXL}} {
		t.Run(tt.name, func(t *testing.T) {
			var file *loader.Folder
			if tt.name == "tiny-sd15-4blk" || tt.name == "tiny-sd21-v" {
				file = open(t, golden.SingleFileOf(t, tt.name), tt.name)
			} else {
				file = open(t, golden.SingleFile(t, tt.name), tt.name)
			}
			m, err := ldm.Open(file)
			require.NoError(t, err)
			assert.Equal(t, tt.family, m.Family)
			assert.Equal(t, 4, m.Channels)
			assert.Empty(t, m.Unused)
			for name, part := range m.Parts {
				folder, err := loader.Open(t.Context(), kinds[name], golden.Model(t, tt.name), name, "")
				require.NoError(t, err)
				defer folder.Close()
				same(t, folder, part)
				if name == ldm.TextEncoder2 { // 12 numbers for a head, which nothing tells
					sameConfig(t, folder, part, "num_attention_heads")
				} else {
					sameConfig(t, folder, part)
				}
			}
		})
	}
}

// The names are those of diffusers' own conversion.
func TestKeymap(t *testing.T) {
	for _, name := range []string{"tiny-sd15", "tiny-sd15-4blk"} {
		m, err := ldm.Open(open(t, golden.SingleFileOf(t, name), name))
		require.NoError(t, err)
		unet, vae := golden.Keymap(t, name)
		require.NotEmpty(t, unet)
		require.NotEmpty(t, vae)
		for part, names := range map[string]map[string]string{ldm.UNet: unet, ldm.VAE: vae} {
			for to, from := range names {
				assert.Equal(t, from, m.Parts[part].From(to), to)
			}
		}
	}
}
