package diffusion

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
	"sdgo/internal/gguf"
	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// entry is a tensor of a file that a test makes.
type entry struct {
	name    string
	shape   []int
	numbers []float32
}

// entries returns the tensors of a file but those of whole numbers.
func entries(t *testing.T, path string) (all []entry) {
	t.Helper()
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		if x.DType != safetensors.F32 && x.DType != safetensors.F16 {
			continue
		}
		numbers, err := x.Float32s()
		require.NoError(t, err)
		all = append(all, entry{name, x.Shape, slices.Clone(numbers)})
	}
	return all
}

// choice is the type of a tensor in a file of a type.
type choice func(t ggml.Type, name string, shape []int) ggml.Type

// chosen is what stable-diffusion.cpp chooses, of a file of float16: also norms and tables
// of positions are in blocks.
//
// https://github.com/leejet/stable-diffusion.cpp/blob/master/src/model_loader.cpp
func chosen(t ggml.Type, name string, shape []int) ggml.Type {
	n, _ := t.Block()
	if len(shape) == 0 || shape[len(shape)-1]%n != 0 || strings.HasSuffix(name, ".bias") {
		return ggml.F16
	}
	for _, part := range []string{"time_embed.", "label_emb.", "embedding"} {
		if strings.Contains(name, part) {
			return ggml.F16
		}
	}
	return t
}

// writeGGUF writes tensors with the types that a file of a type has, and returns them with
// the numbers that these stand for.
func writeGGUF(t *testing.T, path string, typ ggml.Type, all []entry, choose choice, rename func(string) string) (rounded []entry) {
	t.Helper()
	var tensors []gguf.Tensor
	types := make(map[ggml.Type]int)
	for _, e := range all {
		typ := choose(typ, e.name, e.shape)
		types[typ]++
		tensors = append(tensors, gguf.Tensor{Name: rename(e.name), Shape: e.shape, Type: typ, Float32s: func(from int, dst []float32) error {
			copy(dst, e.numbers[from:])
			return nil
		}})
		block, numbers := make([]byte, typ.Bytes(len(e.numbers))), make([]float32, len(e.numbers))
		require.NoError(t, typ.Quantize(block, e.numbers))
		typ.Dequantize(numbers, block)
		rounded = append(rounded, entry{e.name, e.shape, numbers})
	}
	require.NoError(t, gguf.WriteFile(t.Context(), path, nil, tensors))
	assert.Greater(t, types[typ]+types[ggml.Q8_0], 40, "tensors of %v", typ)
	return rounded
}

// writeSafetensors writes tensors.
func writeSafetensors(t *testing.T, path string, all []entry) {
	t.Helper()
	var tensors []safetensors.Tensor
	for _, e := range all {
		x, err := safetensors.NewFloat32(e.name, e.shape, e.numbers)
		require.NoError(t, err)
		tensors = append(tensors, x)
	}
	require.NoError(t, safetensors.WriteFile(path, tensors, nil))
}

// pictureOf draws a picture with a model in a file.
func pictureOf(t *testing.T, path string, o *LoadOptions) []byte {
	t.Helper()
	p, err := Load(path, o)
	require.NoError(t, err)
	defer p.Close()
	result, err := p.TextToImage(t.Context(), prompt, quick(2))
	require.NoError(t, err)
	return result.Images[0].Pix
}

// A picture of a model in GGUF has the bytes of one of safetensors with the numbers that
// its blocks stand for, whatever the type, and whatever stable-diffusion.cpp calls them.
func TestGGUF(t *testing.T) {
	same := func(name string) string { return name }
	for _, tt := range []struct {
		model  string
		typ    ggml.Type
		choose choice
		rename func(string) string
	}{
		{"tiny-sd15", ggml.F16, gguf.Choose, same},
		{"tiny-sd15", ggml.Q8_0, gguf.Choose, same},
		{"tiny-sd15", ggml.Q4_0, chosen, same},
		{"tiny-sd15", ggml.Q6_K, gguf.Choose, same}, // that is, Q8_0: its rows are narrower than 256
		{"tiny-sd21-v", ggml.Q5_0, chosen, converted},
		{"tiny-sdxl", ggml.Q4_1, chosen, converted},
	} {
		t.Run(tt.model+" "+tt.typ.String(), func(t *testing.T) {
			path := wholeFile(t, tt.model)
			numbered := strings.TrimSuffix(path, ".safetensors") + ".gguf"
			rounded := writeGGUF(t, numbered, tt.typ, entries(t, path), tt.choose, tt.rename)
			writeSafetensors(t, path, rounded)
			assert.True(t, bytes.Equal(pictureOf(t, path, nil), pictureOf(t, numbered, nil)))
			report, err := Inspect(numbered)
			require.NoError(t, err)
			assert.Equal(t, "GGUF", report.Container)
			assert.Empty(t, report.Problems)
			file, err := gguf.Open(t.Context(), os.DirFS(filepath.Dir(numbered)), filepath.Base(numbered))
			require.NoError(t, err)
			defer file.Close()
			for _, x := range report.Tensors {
				typ, data, _ := file.Blocks(x.Name)
				assert.Equal(t, typ.String(), x.DType, x.Name)
				assert.Equal(t, int64(len(data)), x.Bytes, x.Name)
			}
		})
	}
}

// wholeFile returns the path of a model in one file, with what else it needs.
func wholeFile(t *testing.T, model string) string {
	t.Helper()
	switch model {
	case "tiny-sd21-v":
		files := golden.SingleFileOf(t, model)
		golden.Tokenizer(t, files, model)
		return onDisk(t, files, model)
	case "tiny-sdxl":
		files := golden.SingleFile(t, model)
		addXL(t, files)
		golden.Tokenizer(t, files, "tiny-sd15")
		return onDisk(t, files, model)
	}
	files := golden.SingleFile(t, model)
	golden.Tokenizer(t, files, model)
	return onDisk(t, files, model)
}

// converted is what the conversion of stable-diffusion.cpp calls a tensor of the original
// code: its text encoders have the names of transformers, but one matrix of queries, keys
// and values, and OpenCLIP's projection.
//
// https://github.com/leejet/stable-diffusion.cpp/blob/master/src/name_conversion.cpp
func converted(name string) string {
	for _, r := range []struct{ from, to string }{
		{"conditioner.embedders.0.", "cond_stage_model."},
		{"conditioner.embedders.1.", "cond_stage_model.1."},
	} {
		name = strings.Replace(name, r.from, r.to, 1)
	}
	if !strings.HasPrefix(name, "cond_stage_model.") || !strings.Contains(name, "model.model.") && !strings.Contains(name, ".1.model.") {
		return name
	}
	return strings.NewReplacer(
		"model.model.", "model.transformer.text_model.", ".1.model.", ".1.transformer.text_model.",
		"ln_final", "final_layer_norm", "positional_embedding", "embeddings.position_embedding.weight",
		"token_embedding", "embeddings.token_embedding", "text_projection", "text_projection",
		"transformer.resblocks.", "encoder.layers.", "attn.in_proj_", "self_attn.in_proj.", "attn.out_proj", "self_attn.out_proj",
		"ln_1", "layer_norm1", "ln_2", "layer_norm2", "mlp.c_fc", "mlp.fc1", "mlp.c_proj", "mlp.fc2",
	).Replace(name)
}

// A U-Net as ComfyUI-GGUF's converter writes it, without a prefix and mostly in rows of 256
// numbers, is a part like any other.
func TestGGUFOfUNet(t *testing.T) {
	path := wholeFile(t, "tiny-sd15")
	all := entries(t, path)
	fields := []gguf.Field{{Key: "general.architecture", Value: "sd1"}}
	var tensors []gguf.Tensor
	var bare []entry
	for _, e := range all {
		name, ok := strings.CutPrefix(e.name, "model.diffusion_model.")
		if !ok {
			continue
		}
		typ, shape, numbers := ggml.F32, e.shape, slices.Clone(e.numbers)
		if n := len(e.numbers); len(shape) > 1 && n%256 == 0 {
			var dims []int32
			for _, d := range shape {
				dims = append(dims, int32(d))
			}
			fields = append(fields, gguf.Field{Key: "comfy.gguf.orig_shape." + name, Value: dims})
			typ, shape = ggml.Q4_K, []int{n / 256, 256}
			block := make([]byte, typ.Bytes(n))
			require.NoError(t, typ.Quantize(block, e.numbers))
			typ.Dequantize(numbers, block)
		}
		bare = append(bare, entry{name, e.shape, numbers})
		tensors = append(tensors, gguf.Tensor{Name: name, Shape: shape, Type: typ, Float32s: func(from int, dst []float32) error {
			copy(dst, e.numbers[from:])
			return nil
		}})
	}
	require.Greater(t, len(fields), 40)
	unet := filepath.Join(t.TempDir(), "unet.gguf")
	require.NoError(t, gguf.WriteFile(t.Context(), unet, fields, tensors))

	plain := filepath.Join(t.TempDir(), "unet.safetensors")
	writeSafetensors(t, plain, bare)

	folder := golden.ModelDir(t, "tiny-sd15")
	for name, picture := range map[string]func(unet string) []byte{
		"in place of a folder's": func(unet string) []byte { return pictureOf(t, folder, &LoadOptions{UNet: unet}) },
		"with parts of a folder": func(unet string) []byte {
			return pictureOf(t, unet, &LoadOptions{VAE: folder, TextEncoder: folder, Tokenizer: filepath.Join(folder, "tokenizer")})
		},
	} {
		assert.True(t, bytes.Equal(picture(plain), picture(unet)), name)
	}

	_, err := Load(unet, nil)
	assert.ErrorContains(t, err, "unet.gguf: ldm: this is a U-Net of Stable Diffusion 1, and nothing else")
}

// A file of another kind of model says which, and a damaged one where.
func TestGGUFErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	numbers := func(int, []float32) error { return nil }
	require.NoError(t, gguf.WriteFile(t.Context(), path, []gguf.Field{{Key: "general.architecture", Value: "llama"}},
		[]gguf.Tensor{{Name: "token_embd.weight", Shape: []int{4, 32}, Type: ggml.Q8_0, Float32s: numbers}}))
	_, err := Load(path, nil)
	assert.ErrorContains(t, err, `m.gguf: general.architecture is "llama": ldm: have 1 tensors, such as "token_embd.weight"`)

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)-130], 0o600))
	_, err = Load(path, nil)
	assert.ErrorContains(t, err, `diffusion: load: loader: gguf: m.gguf: offset 69: tensor "token_embd.weight": have 136 bytes of numbers`)
	require.NoError(t, os.WriteFile(path, []byte("GGUF\x00\x00\x00\x03aaaaaaaaaaaaaaaa"), 0o600))
	_, err = Load(path, nil)
	assert.ErrorContains(t, err, "m.gguf: offset 4: this is a big-endian GGUF file, which is not supported")
}
