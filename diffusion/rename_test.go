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
	"sdgo/safetensors"
)

// renamed returns the path of a file with the tensors of another under new names, without
// those whose name is "".
func renamed(t *testing.T, files fstest.MapFS, name string, rename func(string) string) string {
	t.Helper()
	f, err := safetensors.OpenFS(files, name+".safetensors")
	require.NoError(t, err)
	defer f.Close()
	var tensors []safetensors.Tensor
	for _, from := range f.Names() {
		if to := rename(from); to != "" {
			x, _ := f.Tensor(from)
			x, err := safetensors.New(to, x.DType, x.Shape, x.Bytes())
			require.NoError(t, err)
			tensors = append(tensors, x)
		}
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, tensors, nil))
	path := filepath.Join(t.TempDir(), "renamed.safetensors")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// copied returns the path of a copy of a weight file of a model's folder, alone.
func copied(t *testing.T, model, file string) string {
	t.Helper()
	data, err := fs.ReadFile(golden.Model(t, model), file+".safetensors")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "copied.safetensors")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// replacer returns a function that replaces what names begin with, from[i] by from[i+1].
func replacer(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if rest, ok := strings.CutPrefix(name, pairs[i]); ok {
				return pairs[i+1] + rest
			}
		}
		return name
	}
}

// only keeps what begins with a prefix, without it and with another.
func only(prefix, to string) func(string) string {
	return func(name string) string {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return to + rest
		}
		return ""
	}
}

const (
	u, v, text = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
)

// A file in whatever words a tool puts before the names, and parts that are alone in their
// files, make the picture of the whole model.
func TestNamesOfTools(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	tokenizer := filepath.Join(golden.ModelDir(t, "tiny-sd15"), "tokenizer")
	picture := func(path string, o LoadOptions) []byte {
		t.Helper()
		o.Tokenizer = tokenizer
		p, err := Load(path, &o)
		require.NoError(t, err)
		defer p.Close()
		got, err := p.TextToImage(t.Context(), prompt, quick(1))
		require.NoError(t, err)
		return got.Images[0].Pix
	}
	want := picture(onDisk(t, files, "tiny-sd15"), LoadOptions{})
	for name, rename := range map[string]func(string) string{
		"of trainers":           func(name string) string { return "state_dict.module." + name },
		"of a nested model":     replacer("model.", "model.model."),
		"of stable-diffusion.c": replacer(u, "unet.", v, "vae.", text, "te."),
		"of ComfyUI":            replacer(u, "diffusion_model.", text, "text_encoders.clip_l.transformer."),
		"without text_model":    replacer(text+"text_model.", text),
	} {
		assert.True(t, bytes.Equal(want, picture(renamed(t, files, "tiny-sd15", rename), LoadOptions{})), name)
	}
	vae, textEncoder := renamed(t, files, "tiny-sd15", only(v, "")), renamed(t, files, "tiny-sd15", only(text, ""))
	for _, prefix := range []string{"", "model.", u} {
		unet := renamed(t, files, "tiny-sd15", only(u, prefix))
		got := picture(unet, LoadOptions{VAE: vae, TextEncoder: textEncoder})
		assert.True(t, bytes.Equal(want, got), "U-Net with %q", prefix)
		got = picture(vae, LoadOptions{UNet: unet, TextEncoder: textEncoder})
		assert.True(t, bytes.Equal(want, got), "VAE, U-Net with %q", prefix)
	}
	folder := golden.ModelDir(t, "tiny-sd15")
	got := picture(folder, LoadOptions{VAE: vae, TextEncoder: textEncoder, UNet: renamed(t, files, "tiny-sd15", only(u, ""))})
	assert.True(t, bytes.Equal(picture(folder, LoadOptions{}), got), "all parts of a folder replaced")

	for model, file := range map[string]string{"tiny-sd15": "vae/", "tiny-sd15-vae-oldkeys": ""} { // in the names of diffusers
		unet, vae := copied(t, "tiny-sd15", "unet/diffusion_pytorch_model"), copied(t, model, file+"diffusion_pytorch_model")
		textEncoder := copied(t, "tiny-sd15", "text_encoder/model")
		got = picture(unet, LoadOptions{VAE: vae, TextEncoder: textEncoder})
		assert.True(t, bytes.Equal(want, got), model)
	}
	vae = filepath.Join(folder, "vae", "diffusion_pytorch_model.safetensors") // with its config.json
	got = picture(onDisk(t, files, "tiny-sd15"), LoadOptions{VAE: vae})
	assert.True(t, bytes.Equal(want, got), "a file of a folder")
	_, err := Load(folder, &LoadOptions{VAE: filepath.Join(golden.ModelDir(t, "tiny-sdxl"), "vae", "diffusion_pytorch_model.safetensors")})
	assert.ErrorContains(t, err, "this is the VAE of Stable Diffusion XL (scaling_factor 0.13025)")

	_, err = Load(renamed(t, files, "tiny-sd15", only(u, "")), nil)
	assert.ErrorContains(t, err, "this is a U-Net of Stable Diffusion 1, and nothing else: want a whole model")
	assert.ErrorContains(t, err, "or a VAE in LoadOptions.VAE (-vae) and a text encoder in LoadOptions.TextEncoder (-text-encoder)")
	_, err = Load(vae, nil)
	assert.ErrorContains(t, err, "this is a VAE, and nothing else")
	assert.ErrorContains(t, err, "or a U-Net in LoadOptions.UNet (-unet)")
	_, err = Load(folder, &LoadOptions{VAE: textEncoder})
	assert.ErrorContains(t, err, "diffusion: load: vae: "+textEncoder+": ldm: this is a text encoder: want a VAE")
}

// Averages over training are taken when they are asked for.
func TestEMA(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	path := onDisk(t, files, "tiny-sd15")
	tokenizer := filepath.Join(golden.ModelDir(t, "tiny-sd15"), "tokenizer")
	_, err := Load(path, &LoadOptions{Tokenizer: tokenizer, EMA: true})
	var wrong *OptionError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "EMA", wrong.Option)
	assert.ErrorContains(t, err, "have no averages over training (model_ema.*)")
	r, err := InspectContext(t.Context(), path, &LoadOptions{Tokenizer: tokenizer, EMA: true})
	require.NoError(t, err)
	assert.Equal(t, "sd1", r.Family)
	assert.Len(t, r.Problems, 1)
	_, err = LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{EMA: true})
	assert.ErrorIs(t, err, ErrOptions)

	// The weights become averages, and other weights take their place: zeros, all the same.
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var tensors []safetensors.Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		if rest, ok := strings.CutPrefix(name, "model."); ok && strings.HasPrefix(name, u) {
			average, err := safetensors.New("model_ema."+strings.ReplaceAll(rest, ".", ""), x.DType, x.Shape, x.Bytes())
			require.NoError(t, err)
			tensors = append(tensors, average)
			x, err = safetensors.New(name, x.DType, x.Shape, make([]byte, len(x.Bytes())))
			require.NoError(t, err)
		}
		tensors = append(tensors, x)
	}
	averaged := filepath.Join(t.TempDir(), "averaged.safetensors")
	require.NoError(t, safetensors.WriteFile(averaged, tensors, nil))
	latents := func(path string, ema bool) []float32 {
		p, err := Load(path, &LoadOptions{Tokenizer: tokenizer, EMA: ema})
		require.NoError(t, err)
		defer p.Close()
		got, err := p.TextToImage(t.Context(), prompt, quick(1))
		require.NoError(t, err)
		return got.Latents.Float32s()
	}
	assert.Equal(t, latents(path, false), latents(averaged, true))
	assert.NotEqual(t, latents(path, false), latents(averaged, false))
}
