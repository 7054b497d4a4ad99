package loader_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/loader"
	"sdgo/safetensors"
)

// pickledAs returns a pickle with the tensor of one value.
func pickledAs(t *testing.T, name string, value float32) *fstest.MapFile {
	t.Helper()
	x, err := safetensors.NewFloat32(name, []int{1}, []float32{value})
	require.NoError(t, err)
	return &fstest.MapFile{Data: golden.Pickle(t, x)}
}

// Pickles are taken where there are no safetensors, by the same rules.
func TestPickles(t *testing.T) {
	const text, index = "pytorch_model", `{"metadata":{"total_size":8},"weight_map":{"w":"x-00001-of-00002.bin","v":"x-00002-of-00002.bin"}}`
	for _, tt := range []struct {
		name, base, variant string
		files               []string
		want                string
		value               float32
	}{
		{"U-Net", base, "", []string{base + ".bin"}, base + ".bin", 0},
		{"text encoder", "model", "", []string{text + ".bin"}, text + ".bin", 0},
		{"variant", base, "fp16", []string{base + ".bin", base + ".fp16.bin"}, base + ".fp16.bin", 1},
		{"only variant", base, "", []string{base + ".fp16.bin"}, base + ".fp16.bin", 0},
		{"index", base, "", []string{base + ".bin.index.json"}, base + ".bin.index.json", -1},
		{"index of a variant", base, "fp16", []string{base + ".bin", base + ".bin.index.fp16.json"}, base + ".bin.index.fp16.json", -1},
		{"index first", base, "", []string{base + ".bin", base + ".bin.index.json"}, base + ".bin.index.json", -1},
		{"file first", "model", "", []string{text + ".bin", text + ".bin.index.json"}, text + ".bin", 0},
		{"safetensors before", base, "", []string{base + ".bin", base + ".safetensors"}, base + ".safetensors", 1},
		{"a variant of safetensors before", base, "", []string{base + ".bin", base + ".fp16.safetensors"}, base + ".fp16.safetensors", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{"unet/config.json": {Data: []byte("{}")}}
			for i, name := range tt.files {
				switch {
				case strings.HasSuffix(name, ".json"):
					fsys["unet/"+name] = &fstest.MapFile{Data: []byte(index)}
					fsys["unet/x-00001-of-00002.bin"] = pickledAs(t, "w", -1)
					fsys["unet/x-00002-of-00002.bin"] = pickledAs(t, "v", -2)
				case strings.HasSuffix(name, ".bin"):
					fsys["unet/"+name] = pickledAs(t, "w", float32(i))
				default:
					fsys["unet/"+name] = encode(t, "w", float32(i))
				}
			}
			w, err := openFolder(t, fsys, tt.base, tt.variant)
			require.NoError(t, err)
			assert.Equal(t, "unet/"+tt.want, w.Path())
			x := make([]float32, 1)
			require.NoError(t, w.Float32s("w", 0, x))
			assert.Equal(t, tt.value, x[0])
			if tt.value < 0 {
				assert.Equal(t, []string{"w", "v"}, w.Names())
				shape, dtype, ok := w.Tensor("v")
				assert.True(t, ok)
				assert.Equal(t, []int{1}, shape)
				assert.Equal(t, "F32", dtype)
				require.NoError(t, w.Float32s("v", 0, x))
				assert.Equal(t, float32(-2), x[0])
			}
			_, _, ok := w.Tensor("none")
			assert.False(t, ok)
			assert.ErrorContains(t, w.Float32s("none", 0, x), `no tensor "none"`)
			w.Release("w")
			w.Release("none")
			require.NoError(t, w.Changed())
			require.NoError(t, w.Close())
			assert.ErrorIs(t, w.Float32s("w", 0, x), os.ErrClosed)
		})
	}
}

func TestPickledVariants(t *testing.T) {
	variants, err := loader.Variants(fstest.MapFS{"unet/model.fp16.safetensors": {}, "unet/pytorch_model.bf16.bin": {}, "unet/model.other.bin": {}}, "unet", "model")
	require.NoError(t, err)
	assert.Equal(t, []string{"bf16", "fp16"}, variants)
}

func TestPickleErrors(t *testing.T) {
	const index = base + ".bin.index.json"
	for _, tt := range []struct{ name, file, data, want string }{
		{"not a pickle", base + ".bin", "Entry not found", `loader: pickle: unet/diffusion_pytorch_model.bin: offset 0: have a file that begins with "Entry not found`},
		{"a pointer", base + ".bin", pointer, "offset 0: this is a Git LFS pointer"},
		{"code", base + ".bin", "\x80\x02cos\nsystem\n", `unet/diffusion_pytorch_model.bin: the first pickle: offset 2: GLOBAL: "os.system" is refused`},
		{"no map", index, "{}", "weight_map: have 0 files, want 1 to 4096"},
		{"an index in place of a map", index, `{"weight_map":{"w":["x.bin"]}}`, index},
		{"out of the folder", index, `{"weight_map":{"w":"../x.bin"}}`, `file "../x.bin": want the plain name of a file beside the index`},
		{"a tensor missing", index, `{"weight_map":{"w":"x.bin","v":"x.bin"}}`, `x.bin: have no tensor "v", which the index says is there`},
		{"a shard missing", index, `{"weight_map":{"w":"x.bin","v":"y.bin"}}`, "y.bin"},
	} {
		fsys := fstest.MapFS{"unet/config.json": {Data: []byte("{}")}, "unet/x.bin": pickledAs(t, "w", 1)}
		fsys["unet/"+tt.file] = &fstest.MapFile{Data: []byte(tt.data)}
		_, err := openFolder(t, fsys, base, "")
		assert.ErrorContains(t, err, tt.want, tt.name)
		assert.ErrorContains(t, err, "unet: loader: ", tt.name)
		if tt.name == "a shard missing" {
			assert.ErrorIs(t, err, fs.ErrNotExist)
		}
	}
}

// A model has the same numbers in its pickle.
func TestGoldenPickle(t *testing.T) {
	folder := golden.Model(t, "tiny-sd15")
	want, err := openFolder(t, folder, base, "")
	require.NoError(t, err)
	defer want.Close()
	data, err := fs.ReadFile(folder, want.Path())
	require.NoError(t, err)
	got, err := openFolder(t, fstest.MapFS{"unet/config.json": {Data: []byte("{}")}, "unet/" + base + ".bin": {Data: golden.Pickled(t, data)}}, base, "")
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, want.Names(), got.Names())
	for _, name := range want.Names() {
		shape, dtype, _ := want.Tensor(name)
		gotShape, gotDtype, _ := got.Tensor(name)
		assert.Equal(t, shape, gotShape, name)
		assert.Equal(t, dtype, gotDtype, name)
		n := 1
		for _, s := range shape {
			n *= s
		}
		x, y := make([]float32, n), make([]float32, n)
		require.NoError(t, want.Float32s(name, 0, x))
		require.NoError(t, got.Float32s(name, 0, y))
		assert.Equal(t, x, y, name)
	}
}
