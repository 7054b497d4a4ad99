package diffusion

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/safetensors"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// with returns a model's files with one replaced, or removed if data is nil.
func with(t *testing.T, model, name string, data []byte) fstest.MapFS {
	out := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(golden.Model(t, model), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path != name {
			var b []byte
			b, err = fs.ReadFile(golden.Model(t, model), path)
			out[path] = &fstest.MapFile{Data: b}
		}
		return err
	}))
	if data != nil {
		out[name] = &fstest.MapFile{Data: data}
	}
	return out
}

// Old scheduler configs say steps_offset 0 and clip_sample true, or leave them out,
// which is the same; diffusers' pipelines take neither at its word.
func TestOldSchedulerConfig(t *testing.T) {
	unlisted := func(model fstest.MapFS) fstest.MapFS { // the config's own class counts
		model["model_index.json"] = setKeys(t, model, "model_index.json", map[string]string{"scheduler": "null"})
		return model
	}
	const file, old = "scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "beta_start": 0.00085,
		"beta_end": 0.012, "beta_schedule": "scaled_linear", "set_alpha_to_one": false}`
	p, err := LoadFS(unlisted(with(t, "tiny-sd15", file, []byte(old))), nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Equal(t, 1, p.Scheduler.StepsOffset)
	assert.False(t, p.Scheduler.ClipSample)

	given, err := scheduler.ParseConfig([]byte(old))
	require.NoError(t, err)
	parts, err := New(p.Tokenizer, p.TextEncoder, p.UNet, p.VAE, given)
	require.NoError(t, err)
	assert.Equal(t, 1, parts.Scheduler.StepsOffset)
	assert.Equal(t, 0, given.StepsOffset, "the caller's own stays as it is")
	assert.True(t, given.ClipSample)

	o := &Options{Width: 64, Height: 64, Steps: 4, Seed: 1}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	p.Scheduler = given // set later: taken as it is
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.NotEqual(t, want.Latents.Float32s(), got.Latents.Float32s())

	// a DDIM that another class's config is made into does not clip either
	p.Scheduler, err = scheduler.ParseConfig([]byte(strings.Replace(old, "DDIM", "PNDM", 1)))
	require.NoError(t, err)
	o.Sampler = sampler.DDIM{}
	got, err = p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())

	inpaint, err := LoadFS(unlisted(with(t, "tiny-inpaint", file, []byte(old))), nil)
	require.NoError(t, err)
	defer inpaint.Close()
	assert.Equal(t, 1, inpaint.Scheduler.StepsOffset)
	assert.True(t, inpaint.Scheduler.ClipSample)
}

// pointer is what Git leaves of a large file where Git LFS is not installed.
const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1\nsize 3438167540\n"

func TestBadModels(t *testing.T) {
	for _, tt := range []struct{ file, data, want string }{
		{"model_index.json", "", "model_index.json"},
		{"model_index.json", "{", "model_index.json"},
		{"model_index.json", `{"_class_name": "StableDiffusionXLPipeline"}`, `have a "StableDiffusionXLPipeline", want a StableDiffusionPipeline or another with its parts: there is no text_encoder_2; there is no tokenizer_2`},
		{"scheduler/scheduler_config.json", "", "scheduler_config.json"},
		{"model_index.json", `{"scheduler": ["diffusers", "NoSuchScheduler"]}`, "as the NoSuchScheduler that model_index.json names: "},
		{"scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "beta_schedule": "no such"}`, "beta_schedule"},
		{"tokenizer/vocab.json", "", "vocab.json"},
		{"tokenizer/merges.txt", "", "merges.txt"},
		{"unet/config.json", "", "unet/config.json"},
		{"unet/diffusion_pytorch_model.safetensors", "x", "diffusion_pytorch_model.safetensors"},
		{"vae/config.json", `{"latent_channels": 8}`, "vae"},
		{"text_encoder/model.safetensors", "", "model.safetensors"},
		{"model_index.json", pointer, "model_index.json: this is a Git LFS pointer"},
		{"tokenizer/vocab.json", pointer, "tokenizer/vocab.json: this is a Git LFS pointer"},
		{"tokenizer/merges.txt", pointer, "tokenizer/merges.txt: this is a Git LFS pointer"},
		{"vae/config.json", pointer, "vae/config.json: this is a Git LFS pointer"},
		{"vae/config.json", "<!DOCTYPE html>", "vae/config.json: this is a web page, not the file itself"},
		{"vae/diffusion_pytorch_model.safetensors", "PK\x03\x04\x00\x00\x08\x08", "offset 0: this is a zip archive, such as a .ckpt"},
		{"vae/diffusion_pytorch_model.safetensors", "Entry not found", `offset 0: this is a text that begins with "Entry not found"`},
		{"vae/diffusion_pytorch_model.safetensors", pointer, "vae/diffusion_pytorch_model.safetensors: offset 0: this is a Git LFS pointer"},
	} {
		var data []byte
		if tt.data != "" {
			data = []byte(tt.data)
		}
		_, err := LoadFS(with(t, "tiny-sd15", tt.file, data), nil)
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorContains(t, err, "diffusion: load: ")
	}
	_, err := Load(filepath.Join(t.TempDir(), "none"), nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Load(file, nil)
	assert.ErrorContains(t, err, "model.safetensors: offset 0: have 0 bytes, want at least 8")
}

// Weights that overflow are reported by step and module.
func TestNotFinite(t *testing.T) {
	fsys := golden.Model(t, "tiny-sd15")
	for _, tt := range []struct{ file, key, want string }{
		{"unet/diffusion_pytorch_model.safetensors", "conv_out.weight", "sampler: step 0 (sigma "},
		{"unet/diffusion_pytorch_model.safetensors", "conv_out.weight", "unet: element "},
		{"vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.weight", "diffusion: vae decoder: element "},
		{"text_encoder/model.safetensors", "text_model.final_layer_norm.weight", "diffusion: text encoder: element "},
	} {
		file, err := safetensors.OpenFS(fsys, tt.file)
		require.NoError(t, err)
		defer file.Close()
		var tensors []safetensors.Tensor
		for _, name := range file.Names() {
			x, _ := file.Tensor(name)
			if name == tt.key {
				data := make([]float32, x.Len())
				for i := range data {
					data[i] = 3e38
				}
				x, err = safetensors.NewFloat32(name, x.Shape, data)
				require.NoError(t, err)
			}
			tensors = append(tensors, x)
		}
		var buf bytes.Buffer
		require.NoError(t, safetensors.Write(&buf, tensors, nil))
		p, err := LoadFS(with(t, "tiny-sd15", tt.file, buf.Bytes()), nil)
		require.NoError(t, err)
		_, err = p.TextToImage(t.Context(), prompt, quick(1))
		assert.ErrorContains(t, err, tt.want)
		p.Close()
	}
}

// A model from real files, mapped into memory, gives the bytes of one from an
// fs.FS.
func TestLoadPath(t *testing.T) {
	p, err := Load(golden.ModelDir(t, "tiny-sd15"), nil)
	require.NoError(t, err)
	want, err := load(t, "tiny-sd15", nil).TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	got, err := p.TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
	require.NoError(t, p.Close())
	_, err = p.TextToImage(t.Context(), prompt, quick(1))
	assert.ErrorIs(t, err, model.ErrClosed)
	assert.NoError(t, p.Close())
}
