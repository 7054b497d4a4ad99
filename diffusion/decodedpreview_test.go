package diffusion

import (
	"image"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/vae"
)

// taesdDir is the folder of a small autoencoder.
func taesdDir(t *testing.T) string { return golden.ModelDir(t, "tiny-taesd") }

// A preview is what the small autoencoder makes of the estimate, and changes nothing.
func TestDecodedPreview(t *testing.T) {
	dir := taesdDir(t)
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Preview: dir})
	require.NoError(t, err)
	defer p.Close()
	require.NotNil(t, p.Preview)
	require.Nil(t, p.VAE.Config.Tiny)
	v, err := vae.Load(dir, nil)
	require.NoError(t, err)
	defer v.Close()

	o := &Options{Width: 64, Height: 48, Steps: 3, Images: 2, Seed: 5}
	plain, err := p.TextToImage(t.Context(), "a red house", o)
	require.NoError(t, err)
	var kept Step
	o.OnStep = func(s Step) error {
		kept = s
		images, err := s.DecodedPreview()
		require.NoError(t, err)
		want, err := v.Decode(t.Context(), s.Denoised)
		require.NoError(t, err)
		decoded, err := TensorToImage(want)
		require.NoError(t, err)
		assert.Equal(t, decoded, images)
		small, err := s.Preview()
		require.NoError(t, err)
		require.Len(t, small, 2)
		assert.Equal(t, image.Rect(0, 0, 8, 6), small[1].Rect)
		return nil
	}
	shown, err := p.TextToImage(t.Context(), "a red house", o)
	require.NoError(t, err)
	assert.Equal(t, plain.Images, shown.Images)
	_, err = kept.DecodedPreview()
	assert.ErrorIs(t, err, errOver)
}

// The weights of the VAE for previews are kept in the type that the others have.
func TestPreviewWeights(t *testing.T) {
	memory := func(o LoadOptions) int64 {
		p, err := LoadFS(golden.Model(t, "tiny-sd15"), &o)
		require.NoError(t, err)
		defer p.Close()
		return p.engine.Memory.InUse()
	}
	takes := func(weights string) int64 {
		return memory(LoadOptions{Weights: weights, Preview: taesdDir(t)}) - memory(LoadOptions{Weights: weights})
	}
	assert.Greater(t, takes(Float32), 3*takes("")/2, "its file has float16")
}

// The author's files are read, for previews and in place of the VAE.
func TestPreviewFiles(t *testing.T) {
	dir := t.TempDir()
	for _, half := range []string{"encoder", "decoder"} {
		golden.WriteTAESD(t, filepath.Join(dir, "taesd_"+half+".safetensors"), half)
	}
	file := filepath.Join(dir, "taesd_decoder.safetensors")
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Preview: file, VAE: file})
	require.NoError(t, err)
	defer p.Close()
	whole := load(t, "tiny-sd15-taesd", nil)
	assert.True(t, p.VAE.HasEncoder())
	o := &Options{Width: 64, Height: 64, Steps: 2, Seed: 5}
	have, err := p.ImageToImage(t.Context(), "a red house", picture(t, "input.png"), o)
	require.NoError(t, err)
	want, err := whole.ImageToImage(t.Context(), "a red house", picture(t, "input.png"), o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, have.Images)
	_, err = Load(file, nil)
	assert.ErrorContains(t, err, "this is the small autoencoder TAESD, which LoadOptions.VAE takes (-vae), not a whole model")
}

func TestPreviewErrors(t *testing.T) {
	for name, o := range map[string]LoadOptions{
		"no such file or directory":      {Preview: "/nowhere"},
		"config.json":                    {Preview: golden.ModelDir(t, "tiny-image-tokens")},
		"have a UNet2DConditionModel, w": {Preview: filepath.Join(golden.ModelDir(t, "tiny-image-tokens"), "unet")},
	} {
		_, err := LoadFS(golden.Model(t, "tiny-sd15"), &o)
		var wrong *OptionError
		require.ErrorAs(t, err, &wrong, name)
		assert.Equal(t, "Preview", wrong.Option)
		assert.ErrorContains(t, err, name)
	}
	p := load(t, "tiny-sd15", nil)
	_, err := p.TextToImage(t.Context(), "", &Options{Width: 64, Height: 64, Steps: 1, OnStep: func(s Step) error {
		_, err := s.DecodedPreview()
		return err
	}})
	assert.ErrorContains(t, err, "have no autoencoder for previews, want one in LoadOptions.Preview")
}

// What previews take is part of what a call may take.
func TestPreviewMemory(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Preview: taesdDir(t)})
	require.NoError(t, err)
	defer p.Close()
	need := func(onStep func(Step) error) int64 {
		r, err := p.newRun(t.Context(), &textToImage{}, "", &Options{Width: 256, Height: 256, OnStep: onStep})
		require.NoError(t, err)
		defer r.close()
		_, err = r.task.prepare(r)
		require.NoError(t, err)
		n, err := r.need(nil)
		require.NoError(t, err)
		return n.Small
	}
	const pictures = 256 * 256 * (4*3 + 2*4)
	assert.Greater(t, need(func(Step) error { return nil })-need(nil), int64(pictures))
}
