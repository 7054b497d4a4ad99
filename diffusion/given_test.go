package diffusion

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// A part that the caller names takes the place of the model's own, whatever holds it: the
// picture has the bytes of the one that the whole model makes.
func TestGivenParts(t *testing.T) {
	model := golden.ModelDir(t, "tiny-sd15")
	single := onDisk(t, golden.SingleFile(t, "tiny-sd15"), "tiny-sd15")
	want, err := load(t, "tiny-sd15", nil).TextToImage(t.Context(), prompt, quick(2))
	require.NoError(t, err)
	without := func(part string) string {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, golden.Model(t, "tiny-sd15")))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, part)))
		return dir
	}
	for name, tt := range map[string]struct {
		model string
		o     LoadOptions
	}{
		"folder of a VAE":              {without("vae"), LoadOptions{VAE: filepath.Join(model, "vae")}},
		"folder of a pipeline":         {without("vae"), LoadOptions{VAE: model}},
		"VAE of a file":                {without("vae"), LoadOptions{VAE: single}},
		"a U-Net":                      {without("unet"), LoadOptions{UNet: filepath.Join(model, "unet")}},
		"a text encoder":               {without("text_encoder"), LoadOptions{TextEncoder: filepath.Join(model, "text_encoder")}},
		"all of a pipeline and a file": {model, LoadOptions{VAE: single, UNet: model, TextEncoder: model}},
	} {
		p, err := Load(tt.model, &tt.o)
		require.NoError(t, err, name)
		got, err := p.TextToImage(t.Context(), prompt, quick(2))
		require.NoError(t, err, name)
		assert.True(t, bytes.Equal(want.Images[0].Pix, got.Images[0].Pix), name)
		require.NoError(t, p.Close())
	}
}

// A part of a file has the configuration that the file says, and of one that does not say
// it a warning tells what was guessed.
func TestGivenConfiguration(t *testing.T) {
	model, path := golden.ModelDir(t, "tiny-sd15"), filepath.Join(t.TempDir(), "saved.safetensors")
	p := load(t, "tiny-sd15", nil)
	want, err := p.TextToImage(t.Context(), prompt, quick(2))
	require.NoError(t, err)
	require.NoError(t, Save(t.Context(), path, p, nil))
	given, err := Load(model, &LoadOptions{UNet: path, VAE: path, TextEncoder: path})
	require.NoError(t, err)
	defer given.Close()
	assert.Empty(t, given.Warnings)
	got, err := given.TextToImage(t.Context(), prompt, quick(2))
	require.NoError(t, err)
	assert.Equal(t, want.Images[0].Pix, got.Images[0].Pix)

	guessed, err := Load(model, &LoadOptions{UNet: onDisk(t, golden.SingleFile(t, "tiny-sd15"), "tiny-sd15")})
	require.NoError(t, err)
	defer guessed.Close()
	require.Len(t, guessed.Warnings, 1)
	assert.Contains(t, guessed.Warnings[0], "tiny-sd15.safetensors: the unet is narrower than published ones: norm_num_groups and attention_head_dim, which no tensor tells, were guessed")
}

// A part that does not fit is an error of its option, which says what would fit.
func TestGivenPartsThatDoNotFit(t *testing.T) {
	sd, xl := golden.ModelDir(t, "tiny-sd15"), golden.ModelDir(t, "tiny-sdxl")
	for _, tt := range []struct {
		model, option, want string
		o                   LoadOptions
	}{
		{sd, "VAE", "this is the VAE of Stable Diffusion XL (scaling_factor 0.13025): want that of Stable Diffusion 1 or 2, with 4 channels and scaling_factor 0.18215", LoadOptions{VAE: xl}},
		{xl, "VAE", "this is the VAE of Stable Diffusion 1 or 2 (scaling_factor 0.18215): want that of Stable Diffusion XL", LoadOptions{VAE: sd}},
		{sd, "TextEncoder", "the text encoder writes 48 numbers a token, the U-Net reads 32: want one that writes 32", LoadOptions{TextEncoder: xl + "/text_encoder_2"}},
		{sd, "TextEncoder2", "have \"" + xl + "\", want none: the model has one text encoder", LoadOptions{TextEncoder2: xl}},
		{sd, "UNet", "the U-Net reads 80 numbers a token, the text encoder writes 32: want a U-Net of the same family", LoadOptions{UNet: xl}},
		{sd, "VAE", "have a UNet2DConditionModel, want an AutoencoderKL", LoadOptions{VAE: filepath.Join(sd, "unet")}},
		{sd, "VAE", "no such file", LoadOptions{VAE: "nosuch"}},
	} {
		_, err := Load(tt.model, &tt.o)
		var wrong *OptionError
		if assert.ErrorAs(t, err, &wrong, tt.want) {
			assert.Equal(t, tt.option, wrong.Option)
			assert.ErrorContains(t, err, "diffusion: ")
			assert.ErrorContains(t, err, tt.want)
		}
	}
}

// The error for the folder of a U-Net says what to give beside it.
func TestUNetFolder(t *testing.T) {
	for model, want := range map[string]string{
		"tiny-sd15": "have the folder of a U-Net of Stable Diffusion 1 alone, want that of a pipeline (file does not exist), or a VAE in LoadOptions.VAE (-vae) and a text encoder in LoadOptions.TextEncoder (-text-encoder)",
		"tiny-sdxl": "(-text-encoder) and a second text encoder, that of Stable Diffusion XL in LoadOptions.TextEncoder2 (-text-encoder-2)",
	} {
		_, err := Load(filepath.Join(golden.ModelDir(t, model), "unet"), nil)
		assert.ErrorContains(t, err, want)
	}
	// with the scheduler of published models, as one file has it
	sd, single := golden.ModelDir(t, "tiny-sd15"), golden.SingleFile(t, "tiny-sd15")
	golden.Tokenizer(t, single, "tiny-sd15")
	var pictures [][]byte
	for path, o := range map[string]LoadOptions{onDisk(t, single, "tiny-sd15"): {}, filepath.Join(sd, "unet"): {VAE: sd, TextEncoder: sd}} {
		p, err := Load(path, &o)
		require.NoError(t, err)
		got, err := p.TextToImage(t.Context(), prompt, quick(2))
		require.NoError(t, err)
		pictures = append(pictures, got.Images[0].Pix)
		require.NoError(t, p.Close())
	}
	assert.True(t, bytes.Equal(pictures[0], pictures[1]))
	sd2 := golden.ModelDir(t, "tiny-sd21-v")
	p, err := Load(filepath.Join(sd2, "unet"), &LoadOptions{VAE: sd2, TextEncoder: filepath.Join(sd2, "text_encoder")})
	require.NoError(t, err)
	defer p.Close()
	assert.Contains(t, p.Identity.DecidedBy, "a probe of the U-Net")
	r, err := InspectContext(t.Context(), filepath.Join(sd2, "unet"), &LoadOptions{VAE: sd2, TextEncoder: sd2})
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	assert.Len(t, r.Parts, 3)
}
