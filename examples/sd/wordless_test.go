package main

import (
	"encoding/json"
	"flag"
	"image"
	"image/color"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

// Pictures are made without a text, and drawn again of their files.
func TestUncond(t *testing.T) {
	model := golden.ModelDir(t, "tiny-ddpm")
	t.Chdir(t.TempDir())
	args := []string{"uncond", "-model", model, "-steps", "3", "-seed", "4", "-width", "24", "-height", "16"}
	_, stderr, err := sd(t, append(args, "-n", "2")...)
	require.NoError(t, err)
	assert.Contains(t, stderr, "out-0.png (seed 4), out-1.png (seed 5)")
	assert.Equal(t, image.Pt(24, 16), clitest.ReadPNG(t, "out-1.png").Bounds().Size())
	_, _, err = sd(t, "uncond", "-model", model, "-from", "out-1.png", "-o", "again.png")
	require.NoError(t, err)
	assert.Equal(t, clitest.ReadPNG(t, "out-1.png"), clitest.ReadPNG(t, "again.png"))
	_, _, err = sd(t, "img2img", "-model", model, "-image", "again.png", "-steps", "3", "-o", "like.png", "")
	require.NoError(t, err, "with an empty prompt")
	assert.NotEqual(t, clitest.ReadPNG(t, "again.png"), clitest.ReadPNG(t, "like.png"))

	for want, args := range map[string][]string{
		`have argument "a house", want none: there is no prompt: sd uncond [flags] -model path`: append(args, "a house"),
		"-model: have none, want a model that reads no text: sd uncond [flags] -model path":     {"uncond"},
		"class: have 3, want none: the model has no classes":                                    append(args, "-class", "3"),
		`invalid value "x" for flag -class: want a whole number`:                                append(args, "-class", "x"),
		"this is a model that reads none, for Unconditional (sd uncond)":                        {"txt2img", "-model", model, "a house"},
	} {
		_, _, err := sd(t, args...)
		assert.ErrorContains(t, err, want)
	}
	help, _, err := sd(t, "uncond", "-help")
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, help, "\n  -negative-class number\n")
	assert.NotContains(t, help, "\n  -negative text\n")
	assert.NotContains(t, help, "The prompt")
}

// textless are models of golden's that read no text.
type textless struct {
	UNet, VQVAE, Classes golden.Named
	Scheduler            json.RawMessage
}

// folder writes the folder of a pipeline, and returns its path.
func (c *textless) folder(t *testing.T, index string, parts map[string]*golden.Named) string {
	t.Helper()
	m := fstest.MapFS{
		"model_index.json":                {Data: []byte(index), Mode: 0o644},
		"scheduler/scheduler_config.json": {Data: c.Scheduler, Mode: 0o644},
	}
	for part, model := range parts {
		model.WriteTo(t, m, part)
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, m))
	return dir
}

// A class is a number, and what guidance leads away from another.
func TestClass(t *testing.T) {
	var c textless
	golden.Open(t, "textless/loops").Decode(&c)
	model := c.folder(t, `{"_class_name": "DDIMPipeline", "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDIMScheduler"]}`, map[string]*golden.Named{"unet": &c.Classes})
	t.Chdir(t.TempDir())
	args := []string{"uncond", "-model", model, "-steps", "2", "-width", "16", "-height", "16"}
	made := map[string]image.Image{}
	for name, more := range map[string][]string{
		"two": {"-class", "2"}, "one": {"-class", "1"}, "guided": {"-class", "2", "-negative-class", "4"}, "more": {"-class", "2", "-negative-class", "4", "-guidance", "5"},
	} {
		_, _, err := sd(t, append(append(args, "-o", name+".png"), more...)...)
		require.NoError(t, err, name)
		made[name] = clitest.ReadPNG(t, name+".png")
	}
	assert.NotEqual(t, made["two"], made["one"])
	assert.NotEqual(t, made["two"], made["guided"])
	assert.NotEqual(t, made["guided"], made["more"])
	_, _, err := sd(t, "uncond", "-model", model, "-from", "more.png")
	require.NoError(t, err)
	assert.Equal(t, made["more"], clitest.ReadPNG(t, "out.png"))
	_, _, err = sd(t, args...)
	assert.ErrorContains(t, err, "class: have none, want 0 to 4: the model makes pictures of classes")
	_, _, err = sd(t, append(args, "-class", "2", "-guidance", "3")...)
	assert.ErrorContains(t, err, "guidance: have 3, want 0 or 1")
}

// A picture is enlarged without a prompt.
func TestSuperRes(t *testing.T) {
	var c textless
	golden.Open(t, "textless/super-resolution").Decode(&c)
	model := c.folder(t, `{"_class_name": "LDMSuperResolutionPipeline", "unet": ["diffusers", "UNet2DModel"], "vqvae": ["diffusers", "VQModel"], "scheduler": ["diffusers", "DDIMScheduler"]}`,
		map[string]*golden.Named{"unet": &c.UNet, "vqvae": &c.VQVAE})
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 70, 40, image.Rect(8, 8, 30, 30), color.NRGBA{255, 0, 0, 255})
	_, _, err := sd(t, "superres", "-model", model, "-image", "in.png", "-steps", "2")
	require.NoError(t, err)
	small := clitest.ReadPNG(t, "out.png").Bounds().Size()
	assert.Equal(t, 2, small.X/small.Y, "64×32, enlarged")
	for want, args := range map[string][]string{
		"-image: have no file, want one: sd superres [flags] -image file -model path": {"superres", "-model", model},
		"for SuperResolution (sd superres)":                                           {"txt2img", "-model", model, "x"},
		"which ChannelsToImage gives it (or SuperResolution, a small picture)":        {"uncond", "-model", model},
	} {
		_, _, err := sd(t, args...)
		assert.ErrorContains(t, err, want)
	}
}
