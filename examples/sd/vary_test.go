package main

import (
	"encoding/json"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

// variationModel writes a small model for image variation.
func variationModel(t *testing.T, dir string) {
	sd15 := golden.Model(t, "tiny-sd15")
	for _, part := range []string{"unet", "vae", "scheduler"} {
		from, err := fs.Sub(sd15, part)
		require.NoError(t, err)
		require.NoError(t, os.CopyFS(filepath.Join(dir, part), from))
	}
	require.NoError(t, os.CopyFS(filepath.Join(dir, "image_encoder"), golden.Model(t, "tiny-vision")))
	checker, err := fs.Sub(golden.Model(t, "tiny-safety-checker"), "feature_extractor")
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "feature_extractor"), checker))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "model_index.json"), []byte(`{"_class_name": "StableDiffusionImageVariationPipeline",
		"feature_extractor": ["transformers", "CLIPImageProcessor"], "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
		"safety_checker": [null, null], "scheduler": ["diffusers", "DDIMScheduler"], "unet": ["diffusers", "UNet2DConditionModel"],
		"vae": ["diffusers", "AutoencoderKL"]}`), 0o600))
}

// A model for image variation reads the picture, and not what its file says of prompts.
func TestVaryByModel(t *testing.T) {
	t.Chdir(t.TempDir())
	variationModel(t, "model")
	settings := []string{"-steps", "2", "-width", "32", "-height", "32"}
	_, _, err := sd(t, append([]string{"txt2img", "-syntax", "webui", "-negative", "bad", "-clip-skip", "1", "-base-weight", "1", "-region", "0,0,16,32:dog", "-seed", "5", "a (red:1.2) house"}, settings...)...)
	require.NoError(t, err)
	_, stderr, err := sd(t, append([]string{"vary", "-model", "model", "-image", "out.png", "-o", "like.png"}, settings...)...)
	require.NoError(t, err)
	assert.Contains(t, stderr, "like.png (seed 6)")
	_, _, err = sd(t, append([]string{"vary", "-model", "model", "-image", "out.png", "-no-metadata", "-o", "other.png", "-seed", "6", "-negative", "worse"}, settings...)...)
	assert.ErrorContains(t, err, "negative prompt: have one, want none")
	_, _, err = sd(t, append([]string{"vary", "-model", "model", "-image", "out.png", "a dog"}, settings...)...)
	assert.ErrorContains(t, err, "have a prompt, want none: the model reads images, and no text")
}

// A picture of two passes is varied in one.
func TestVaryTwoPasses(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, err := sd(t, "txt2img", "-hires", "2", "-steps", "2", "-width", "16", "-height", "16", "a red house")
	require.NoError(t, err)
	_, _, err = sd(t, "vary", "-image", "out.png", "-o", "like.png")
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 32, 32), clitest.ReadPNG(t, "like.png").Bounds())
}

// JSON says what the safety checker has flagged.
func TestJSONFlagged(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, stderr, err := sd(t, "txt2img", "-json", "-model", golden.ModelDir(t, "tiny-sd15"), "-safety-checker", golden.ModelDir(t, "tiny-safety-checker"),
		"-seed", "9", "-n", "3", "-steps", "1", "-width", "32", "-height", "32", "a cat")
	require.NoError(t, err)
	assert.Contains(t, stderr, "picture 2 (seed 10) was flagged by the safety checker")
	var made struct{ Images []struct{ Flagged bool } }
	require.NoError(t, json.Unmarshal([]byte(stdout), &made))
	require.Len(t, made.Images, 3)
	for i, m := range made.Images {
		assert.Equal(t, i == 1, m.Flagged)
	}
}
