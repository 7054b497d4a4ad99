package export

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/ggml"
	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

var kinds = map[string]loader.Kind{ldm.TextEncoder: loader.TextEncoder, ldm.UNet: loader.UNet, ldm.VAE: loader.VAE}

// small is a model of three parts.
func small(t *testing.T) *Model {
	t.Helper()
	folder := golden.Model(t, "tiny-sd15")
	m := &Model{Family: ldm.SD1, Parts: make(map[string]checkpoint.Source), Tokenizers: make(map[string]map[string][]byte)}
	for name, kind := range kinds {
		src, err := loader.Open(t.Context(), kind, folder, name, "")
		require.NoError(t, err)
		t.Cleanup(func() { src.Close() })
		m.Parts[name] = src
	}
	var err error
	m.Scheduler, err = fs.ReadFile(folder, "scheduler/scheduler_config.json")
	require.NoError(t, err)
	m.Tokenizers["tokenizer"] = map[string][]byte{"vocab.json": []byte("{}")}
	return m
}

// full is a disk that takes so many bytes.
type full struct {
	to   io.Writer
	left *int
}

func (f full) Write(b []byte) (int, error) {
	if len(b) > *f.left {
		return 0, syscall.ENOSPC
	}
	*f.left -= len(b)
	return f.to.Write(b)
}

// A disk that is full, after any number of bytes, is an error that says so, and nothing is
// left of the model; what was there is untouched.
func TestWriteFull(t *testing.T) {
	m := small(t)
	for _, name := range []string{"folder", "a.safetensors", "a.gguf"} {
		out := t.TempDir()
		path := filepath.Join(out, name)
		require.NoError(t, Write(t.Context(), path, m, &Options{DType: "f16"}))
		before := tree(t, out)
		var size int
		for _, content := range before {
			size += len(content)
		}
		for _, room := range []int{0, 100, 3000, size / 3, size / 2, size - 1} {
			left := room
			err := Write(t.Context(), path, m, &Options{DType: "f16", Replace: true, wrap: func(w io.Writer) io.Writer { return full{w, &left} }})
			require.ErrorIs(t, err, syscall.ENOSPC, "%s: room for %d of %d bytes", name, room, size)
			require.ErrorContains(t, err, path+": ")
			require.Equal(t, before, tree(t, out))
		}
		left := size
		require.NoError(t, Write(t.Context(), path, m, &Options{DType: "f16", Replace: true, wrap: func(w io.Writer) io.Writer { return full{w, &left} }}))
		assert.Zero(t, left, "the size is known")
	}
}

// tree has the files and folders below a folder with what they hold.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			found[path] = ""
			return err
		}
		data, err := os.ReadFile(path)
		found[path] = string(data)
		return err
	}))
	return found
}

// failing is a checkpoint whose numbers cannot be read, or that is changed meanwhile.
type failing struct {
	checkpoint.Source
	read, changed error
	x             float32 // for every number, if not zero
}

func (f failing) Float32s(name string, from int, dst []float32) error {
	err := errors.Join(f.read, f.Source.Float32s(name, from, dst))
	if f.x != 0 {
		for i := range dst {
			dst[i] = f.x
		}
	}
	return err
}

func (f failing) Changed() error { return f.changed }

// What is wrong with a source is an error that names the tensor.
func TestWriteFailing(t *testing.T) {
	cut := errors.New("the file was cut")
	for _, name := range []string{"folder", "a.safetensors", "a.gguf"} {
		for _, tt := range []struct {
			dtype string
			src   failing
			want  string
		}{
			{"", failing{read: cut}, "the file was cut"},
			{"", failing{changed: cut}, "the file was cut"},
			{"f16", failing{x: 70000}, `number 0 is 70000, which is beyond the range of F16`},
		} {
			m, out := small(t), t.TempDir()
			tt.src.Source = m.Parts[ldm.VAE]
			m.Parts[ldm.VAE] = tt.src
			err := Write(t.Context(), filepath.Join(out, name), m, &Options{DType: tt.dtype})
			assert.ErrorContains(t, err, tt.want)
			assert.Len(t, tree(t, out), 1)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := t.TempDir()
	assert.Equal(t, context.Canceled, Write(ctx, filepath.Join(out, "a"), small(t), nil))
	assert.Len(t, tree(t, out), 1)
}

// Names of older files are those of today, and tensors that would have the same name are
// an error.
func TestCanonical(t *testing.T) {
	for from, want := range map[string]string{
		"encoder.mid_block.attentions.0.query.weight":    "encoder.mid_block.attentions.0.to_q.weight",
		"decoder.mid_block.attentions.0.proj_attn.bias":  "decoder.mid_block.attentions.0.to_out.0.bias",
		"decoder.mid_block.attentions.0.group_norm.bias": "decoder.mid_block.attentions.0.group_norm.bias",
		"decoder.up_blocks.0.resnets.0.conv1.weight":     "decoder.up_blocks.0.resnets.0.conv1.weight",
	} {
		assert.Equal(t, want, nameNow(ldm.VAE, from))
	}
	assert.Equal(t, "text_model.final_layer_norm.bias", nameNow(ldm.TextEncoder, "final_layer_norm.bias"))
	assert.Equal(t, "text_model.final_layer_norm.bias", nameNow(ldm.TextEncoder2, "text_model.final_layer_norm.bias"))
	assert.Equal(t, "text_projection.weight", nameNow(ldm.TextEncoder2, "text_projection.weight"))
	assert.Equal(t, "x.key.y", nameNow(ldm.UNet, "x.key.y"))

	m := small(t)
	twice := checkpoint.NewOverlay(m.Parts[ldm.TextEncoder])
	require.NoError(t, twice.Set("final_layer_norm.bias", tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{1}))))
	m.Parts[ldm.TextEncoder] = twice
	_, err := m.Canonical()
	assert.EqualError(t, err, "text_encoder: text_model.final_layer_norm.bias: two tensors have this name")
}

func TestLayoutOf(t *testing.T) {
	for path, want := range map[string]Layout{"a": Folder, "a/b.c/": Folder, "v1.5": Folder, "x/A.SafeTensors": SingleFile, "a.gguf": GGUF} {
		have, err := LayoutOf(path)
		require.NoError(t, err, path)
		assert.Equal(t, want, have, path)
	}
	for _, path := range []string{"", "a.ckpt", "a.bin"} {
		_, err := LayoutOf(path)
		assert.Error(t, err, path)
	}
}

func TestDType(t *testing.T) {
	for _, tt := range []struct {
		name   string
		layout Layout
		stored string
		want   ggml.Type
	}{
		{"", Folder, "F32", ggml.F32}, {"", Folder, "F16", ggml.F16}, {"", SingleFile, "BF16", ggml.BF16},
		{"", Folder, "F64", ggml.F32}, {"", Folder, "F8_E4M3", ggml.F16}, {"", GGUF, "Q4_K", ggml.F16},
		{"fp16", Folder, "F32", ggml.F16}, {"BF16", GGUF, "F32", ggml.BF16}, {"float32", Folder, "F16", ggml.F32},
		{"q8_0", GGUF, "F32", ggml.Q8_0},
	} {
		d, err := ParseDType(tt.name, tt.layout)
		require.NoError(t, err, tt.name)
		assert.Equal(t, tt.want, d.of(tt.stored), tt.name)
		assert.Equal(t, tt.want, d.inGGUF("model.diffusion_model.x.weight", tt.stored, []int{4, 256}), tt.name)
	}
	for name, layout := range map[string]Layout{"q8_0": SingleFile, "q4_0": Folder, "f8": Folder, "i8": GGUF, "F64": GGUF, "iq2_s": GGUF} {
		_, err := ParseDType(name, layout)
		assert.Error(t, err, name)
	}
	_, err := ParseDType("q9", GGUF)
	assert.ErrorContains(t, err, `dtype: have "q9", want f32, f16 or bf16, or for GGUF q4_0, `)
}

// The pipeline of diffusers, by family and what the U-Net reads.
func TestPipeline(t *testing.T) {
	m := small(t)
	src := m.Parts[ldm.UNet]
	for _, tt := range []struct {
		family   ldm.Family
		channels int
		guided   bool
		want     string
	}{
		{ldm.SD1, 4, false, "StableDiffusionPipeline"}, {ldm.SD2, 4, false, "StableDiffusionPipeline"},
		{ldm.SD1, 4, true, "LatentConsistencyModelPipeline"}, {ldm.SDXL, 4, true, "StableDiffusionXLPipeline"},
		{ldm.SD1, 9, false, "StableDiffusionInpaintPipeline"}, {ldm.SD2, 5, false, "StableDiffusionDepth2ImgPipeline"},
		{ldm.SD1, 8, false, "StableDiffusionInstructPix2PixPipeline"}, {ldm.SDXL, 9, false, "StableDiffusionXLInpaintPipeline"},
		{ldm.SDXLRefiner, 4, false, "StableDiffusionXLImg2ImgPipeline"}, {ldm.SDXLRefiner, 9, false, ""}, {ldm.SD2, 7, false, "StableDiffusionUpscalePipeline"}, {ldm.SDXL, 7, false, ""},
	} {
		o := checkpoint.NewOverlay(src)
		require.NoError(t, o.Set("conv_in.weight", tensor.New(tensor.WithShape(1, tt.channels, 1, 1), tensor.WithBacking(make([]float32, tt.channels)))))
		if tt.guided {
			require.NoError(t, o.Set("time_embedding.cond_proj.weight", tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{1}))))
		}
		m.Family, m.Parts[ldm.UNet] = tt.family, o
		have, err := m.pipeline()
		assert.Equal(t, tt.want, have)
		assert.Equal(t, tt.want == "", err != nil, "%v", err)
	}
}

// A file is what the official implementation writes of these tensors: sorted, aligned, with
// the metadata that its readers want.
func TestSafetensors(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a.safetensors")
	m := small(t)
	m.V, m.Own = true, []string{"tokenizer"}
	require.NoError(t, Write(t.Context(), out, m, nil))
	f, err := safetensors.Open(out)
	require.NoError(t, err)
	defer f.Close()
	metadata := f.Metadata()
	assert.Equal(t, "pt", metadata["format"])
	assert.Equal(t, "v", metadata["modelspec.prediction_type"])
	assert.Equal(t, `{"vocab.json":"{}"}`, metadata["sdgo.tokenizer"])
	assert.Contains(t, metadata[ConfigKey], `"cross_attention_dim":32`)

	var tensors []safetensors.Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		tensors = append(tensors, x)
	}
	var b strings.Builder
	require.NoError(t, safetensors.Write(&b, tensors, maps.Clone(metadata)))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, b.String(), string(data))
}
