package main

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/preprocess"
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

// The picture of an image is the one that its edges steer, and its file names the networks.
func TestControl(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := golden.ModelDir(t, "tiny-sd15")
	networks := golden.Networks(t)
	original := func(_, original string) string { return original }
	require.NoError(t, os.WriteFile("net.safetensors", networks["sd15"].File(t, original), 0o600))
	require.NoError(t, os.WriteFile("adapter.safetensors", networks["t2i-full"].File(t, original), 0o600))
	clitest.WritePNG(t, "photo.png", 48, 32, image.Rect(10, 5, 30, 20), color.NRGBA{255, 0, 0, 255})
	edges, err := preprocess.Canny(clitest.ReadPNG(t, "photo.png"), nil)
	require.NoError(t, err)
	f, err := os.Create("edges.png")
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, edges))
	require.NoError(t, f.Close())

	draw := func(out string, args ...string) image.Image {
		_, stderr, err := sd(t, append(args, "-model", dir, "-steps", "2", "-o", out, "a cat")...)
		require.NoError(t, err, stderr)
		return clitest.ReadPNG(t, out)
	}
	made := draw("a.png", "control", "-control", "net.safetensors", "-image", "photo.png", "-preprocess", "canny", "-control-scale", "0.8")
	assert.Equal(t, image.Rect(0, 0, 48, 32), made.Bounds())
	assert.Equal(t, made, draw("b.png", "txt2img", "-control", "net.safetensors", "-control-image", "edges.png", "-control-scale", "0.8"))
	assert.NotEqual(t, made, draw("c.png", "control", "-control", "net.safetensors", "-image", "photo.png", "-control-scale", "0.8"))
	both := draw("d.png", "control", "-image", "photo.png", "-control", "net.safetensors", "-preprocess", "canny", "-control", "adapter.safetensors", "-control-image", "edges.png")
	assert.Equal(t, both, draw("e.png", "control", "-image", "edges.png", "-control", "net.safetensors", "-control", "adapter.safetensors"))

	stdout, _, err := sd(t, "info", "a.png")
	require.NoError(t, err)
	assert.Contains(t, stdout, "net:0.8")
	_, stderr, err := sd(t, "txt2img", "-from", "a.png", "-model", dir, "-o", "f.png")
	require.NoError(t, err)
	assert.Contains(t, stderr, "a.png was made with Controls (net:0.8), which is left out")

	for want, args := range map[string][]string{
		"-image: have no file, want one":                      {"-control", "net.safetensors"},
		"-control: have none, want the folder or file":        {"-image", "photo.png"},
		"-image: open none.png":                               {"-control", "net.safetensors", "-image", "none.png"},
		"-control-image: open none.png":                       {"-control", "net.safetensors", "-image", "photo.png", "-control-image", "none.png"},
		"none.safetensors":                                    {"-control", "none.safetensors", "-image", "photo.png"},
		`invalid value "depth" for flag -preprocess: want on`: {"-control", "net.safetensors", "-preprocess", "depth", "-image", "photo.png"},
	} {
		_, _, err := sd(t, append(append([]string{"control"}, args...), "-model", dir, "-o", "g.png", "a cat")...)
		assert.ErrorContains(t, err, want)
	}
	_, _, err = sd(t, "txt2img", "-control", "net.safetensors", "-preprocess", "canny", "-o", "g.png", "a cat")
	assert.ErrorContains(t, err, "-preprocess: have no picture for net.safetensors, want a -control-image")
	assert.IsType(t, cli.Misuse(err), err)
	stdout, _, err = sd(t, "__complete", "control", "-preprocess", "")
	require.NoError(t, err)
	assert.Contains(t, stdout, "canny\tedges")
}
