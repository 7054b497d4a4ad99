package loader_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/loader"
	"sdgo/safetensors"
)

const base = "diffusion_pytorch_model"

// encode returns a safetensors file with one tensor of one value.
func encode(t *testing.T, name string, value float32) *fstest.MapFile {
	t.Helper()
	tensor, err := safetensors.NewFloat32(name, []int{1}, []float32{value})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, []safetensors.Tensor{tensor}, nil))
	return &fstest.MapFile{Data: b.Bytes()}
}

// folder puts a component's folder together: each name becomes a file with the
// tensor "w", whose value is the name's place; each index leads to a shard
// where it is -1.
func folder(t *testing.T, names ...string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{"unet/config.json": {Data: []byte("{}")}}
	for i, name := range names {
		if strings.HasSuffix(name, ".json") {
			m["unet/"+name] = &fstest.MapFile{Data: []byte(`{"weight_map":{"w":"shard-1.safetensors"}}`)}
			m["unet/shard-1.safetensors"] = encode(t, "w", -1)
		} else {
			m["unet/"+name] = encode(t, "w", float32(i))
		}
	}
	return m
}

// openFolder opens the folder unet.
func openFolder(t *testing.T, fsys fs.FS, base, variant string) (*loader.Folder, error) {
	t.Helper()
	src, err := loader.Open(t.Context(), loader.Kind{Name: "unet", Base: base}, fsys, "unet", variant)
	if err != nil {
		return nil, err
	}
	require.IsType(t, &loader.Folder{}, src)
	return src.(*loader.Folder), nil
}

func TestOpen(t *testing.T) {
	tests := []struct {
		name    string
		files   []string
		variant string
		want    string
		value   float32
	}{
		{"plain", []string{base + ".safetensors", base + ".fp16.safetensors"}, "", base + ".safetensors", 0},
		{"variant", []string{base + ".safetensors", base + ".fp16.safetensors"}, "fp16", base + ".fp16.safetensors", 1},
		{"only variant", []string{base + ".fp16.safetensors"}, "", base + ".fp16.safetensors", 0},
		{"index", []string{base + ".safetensors.index.json"}, "", base + ".safetensors.index.json", -1},
		{"index of a variant", []string{base + ".safetensors", base + ".safetensors.index.fp16.json"}, "fp16", base + ".safetensors.index.fp16.json", -1},
		{"the other name of it", []string{base + ".safetensors", base + ".fp16.safetensors.index.json"}, "fp16", base + ".fp16.safetensors.index.json", -1},
		{"an older name of it", []string{base + ".safetensors", base + ".safetensors.fp16.index.json"}, "fp16", base + ".safetensors.fp16.index.json", -1},
		{"index before file", []string{base + ".safetensors", base + ".safetensors.index.json"}, "", base + ".safetensors.index.json", -1},
		{"of a variant", []string{base + ".fp16.safetensors", base + ".safetensors.index.fp16.json", base + ".safetensors"}, "fp16", base + ".safetensors.index.fp16.json", -1},
		{"today's name before older ones", []string{base + ".fp16.safetensors.index.json", base + ".safetensors.fp16.index.json", base + ".safetensors.index.fp16.json"}, "fp16", base + ".safetensors.index.fp16.json", -1},
		{"only variant, with index", []string{base + ".fp16.safetensors", base + ".safetensors.index.fp16.json"}, "", base + ".safetensors.index.fp16.json", -1},
		{"beside others", []string{base + ".bin", base + ".safetensors", "other.safetensors", base + "_ema.safetensors"}, "", base + ".safetensors", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := openFolder(t, folder(t, tt.files...), base, tt.variant)
			require.NoError(t, err)
			assert.Equal(t, "unet/"+tt.want, w.Path())
			assert.Equal(t, []string{"w"}, w.Names())
			assert.Equal(t, "{}", string(w.Config()))
			shape, dtype, ok := w.Tensor("w")
			assert.True(t, ok)
			assert.Equal(t, []int{1}, shape)
			assert.Equal(t, "F32", dtype)
			_, _, ok = w.Tensor("v")
			assert.False(t, ok)

			dst := make([]float32, 1)
			require.NoError(t, w.Float32s("w", 0, dst))
			assert.Equal(t, tt.value, dst[0])
			assert.ErrorContains(t, w.Float32s("v", 0, dst), `no tensor "v"`)
			assert.ErrorContains(t, w.Float32s("w", 0, make([]float32, 2)), "want 2 from 0 on")
			assert.ErrorContains(t, w.Float32s("w", 1, dst), "want 1 from 1 on")
			assert.NoError(t, w.Changed())
			w.Release("w")
			w.Release("v")
			require.NoError(t, w.Close())
			assert.ErrorIs(t, w.Float32s("w", 0, dst), os.ErrClosed)
		})
	}
}

// An index goes before a single file if all its shards are there; for the models of
// transformers the single file goes first.
func TestIndexOrFile(t *testing.T) {
	for _, tt := range []struct {
		name, base, variant string
		shards              int // of 2
		want                string
	}{
		{"whole", base, "", 2, ".safetensors.index.json"},
		{"a shard missing", base, "", 1, ".safetensors"},
		{"all missing", base, "", 0, ".safetensors"},
		{"of a variant", base, "fp16", 2, ".safetensors.index.fp16.json"},
		{"of a variant, a shard missing", base, "fp16", 1, ".fp16.safetensors"},
		{"transformers", "model", "", 2, ".safetensors"},
		{"transformers, variant", "model", "fp16", 2, ".fp16.safetensors"},
	} {
		file, index := tt.base+".safetensors", tt.base+".safetensors.index.json"
		if tt.variant != "" {
			file, index = tt.base+"."+tt.variant+".safetensors", tt.base+".safetensors.index."+tt.variant+".json"
		}
		fsys := fstest.MapFS{
			"unet/config.json": {Data: []byte("{}")},
			"unet/" + file:     encode(t, "w", 1),
			"unet/" + index:    {Data: []byte(`{"weight_map":{"w":"shard-1.safetensors","v":"shard-2.safetensors"}}`)},
		}
		for i, name := range []string{"w", "v"}[:tt.shards] {
			fsys[fmt.Sprintf("unet/shard-%d.safetensors", i+1)] = encode(t, name, -1)
		}
		w, err := openFolder(t, fsys, tt.base, tt.variant)
		require.NoError(t, err, tt.name)
		assert.Equal(t, "unet/"+tt.base+tt.want, w.Path(), tt.name)
		if tt.shards < 2 {
			assert.Equal(t, []string{index + ": files that it names are missing, " + file + " was taken instead"}, w.Warnings())
		} else {
			assert.Empty(t, w.Warnings())
		}
		require.NoError(t, w.Close())

		delete(fsys, "unet/"+file)
		w, err = openFolder(t, fsys, tt.base, tt.variant)
		if tt.shards < 2 {
			assert.ErrorIs(t, err, fs.ErrNotExist, tt.name)
			assert.ErrorContains(t, err, index, tt.name)
			continue
		}
		require.NoError(t, err, tt.name)
		require.NoError(t, w.Close())
	}

	fsys := folder(t, base+".safetensors", base+".safetensors.index.json")
	fsys["unet/"+base+".safetensors.index.json"].Data = []byte("{")
	_, err := openFolder(t, fsys, base, "")
	assert.ErrorContains(t, err, "index.json", "a broken index is an error, not passed over")
}

func TestVariants(t *testing.T) {
	variants, err := loader.Variants(folder(t, base+".fp16.safetensors", base+".safetensors", base+".safetensors.index.bf16.json", base+".bin", base+"-00001-of-00002.safetensors", base+".non_ema.fp16.safetensors"), "unet", base)
	require.NoError(t, err)
	assert.Equal(t, []string{"", "bf16", "fp16", "non_ema.fp16"}, variants)
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name    string
		files   []string
		variant string
		want    string
	}{
		{"no such variant", []string{base + ".safetensors", base + ".fp16.safetensors"}, "bf16",
			"no diffusion_pytorch_model.bf16.safetensors, have diffusion_pytorch_model.fp16.safetensors, diffusion_pytorch_model.safetensors"},
		{"which variant", []string{base + ".bf16.safetensors", base + ".fp16.safetensors"}, "",
			"no diffusion_pytorch_model.safetensors, have diffusion_pytorch_model.bf16.safetensors, diffusion_pytorch_model.fp16.safetensors"},
		{"which variant of pickles", []string{base + ".bf16.bin", base + ".fp16.bin"}, "",
			"no diffusion_pytorch_model.safetensors, have diffusion_pytorch_model.bf16.bin, diffusion_pytorch_model.fp16.bin"},
		{"other formats", []string{base + ".onnx", "pytorch_model.bin"}, "",
			"have diffusion_pytorch_model.onnx, pytorch_model.bin: safetensors files are read, and diffusion_pytorch_model.bin"},
		{"nothing", nil, "", "no diffusion_pytorch_model.safetensors and no index"},
		{"shards without index", []string{base + "-00001-of-00002.safetensors", base + ".fp16-00001-of-00002.safetensors"}, "", "no index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := openFolder(t, folder(t, tt.files...), base, tt.variant)
			assert.ErrorContains(t, err, "loader: unet: ")
			assert.ErrorContains(t, err, tt.want)
		})
	}
	_, err := openFolder(t, fstest.MapFS{}, base, "")
	assert.ErrorIs(t, err, fs.ErrNotExist)

	for _, name := range []string{base + ".safetensors", base + ".safetensors.index.json"} {
		cloned := folder(t, name)
		cloned["unet/"+name].Data = []byte(pointer)
		_, err = openFolder(t, cloned, base, "")
		assert.ErrorContains(t, err, "unet/"+name+": offset 0: this is a Git LFS pointer")
	}

	broken := folder(t, base+".safetensors")
	broken["unet/"+base+".safetensors"].Data[7]++
	_, err = openFolder(t, broken, base, "")
	var formatErr *safetensors.FormatError
	require.ErrorAs(t, err, &formatErr)
	assert.Equal(t, "unet/"+base+".safetensors", formatErr.Name)
}

// The same weights from memory and from a mapped directory, in two precisions.
func TestGoldenModel(t *testing.T) {
	mem, err := openFolder(t, golden.Model(t, "tiny-sd15"), base, "")
	require.NoError(t, err)
	defer mem.Close()
	disk, err := openFolder(t, os.DirFS(golden.ModelDir(t, "tiny-sd15")), base, "bf16")
	require.NoError(t, err)
	defer disk.Close()
	require.ElementsMatch(t, mem.Names(), disk.Names())
	for _, name := range disk.Names() {
		shape, _, _ := mem.Tensor(name)
		want := make([]float32, tensor.Shape(shape).TotalSize())
		got := make([]float32, len(want))
		require.NoError(t, mem.Float32s(name, 0, want))
		require.NoError(t, disk.Float32s(name, 0, got))
		disk.Release(name)
		golden.Close(t, want, got, 0x1p-8, name) // bfloat16 has 8 significant bits
	}
}

// pointer is what Git leaves of a large file where Git LFS is not installed.
const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1\nsize 3438167540\n"

func TestReadJSON(t *testing.T) {
	fsys := fstest.MapFS{
		"good":  {Data: []byte(" {\"a\":1}\n")},
		"bad":   {Data: []byte("{\"a\":}")},
		"more":  {Data: []byte("{} {}")},
		"type":  {Data: []byte("{\"a\":\"x\"}")},
		"large": {Data: bytes.Repeat([]byte(" "), 1<<20+1)},
		"kind":  {Data: []byte("{\"A\": -Infinity}")},
		"git":   {Data: []byte(pointer)},
		"list":  {Data: []byte("[1]")},
		"null":  {Data: []byte(" null\n")},
	}
	var v struct{ A int }
	require.NoError(t, loader.ReadJSON(t.Context(), fsys, "good", &v))
	assert.Equal(t, 1, v.A)
	for name, want := range map[string]string{
		"bad": "offset 6", "more": "offset 4", "type": "string", "large": "more than 1048576 bytes", "none": "not exist",
		"kind": "-Infinity", "git": "Git LFS pointer",
		"list": "have JSON of kind array, want an object", "null": "have JSON of kind null, want an object",
	} {
		err := loader.ReadJSON(t.Context(), fsys, name, &v)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, name)
	}
	assert.ErrorIs(t, loader.ReadJSON(t.Context(), fsys, "none", &v), fs.ErrNotExist)
}
