package main

import (
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/examples/internal/commands"
	"sdgo/internal/golden"
)

var run = commands.Upscale.Run

func TestPicture(t *testing.T) {
	model := golden.ModelDir(t, "tiny-x4-upscaler")
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 16, 12, image.Rect(8, 8, 12, 12), color.NRGBA{255, 0, 0, 255})
	var pictures []image.Image
	for _, level := range []string{"20", "-1", "100"} {
		status, _, stderr := clitest.Run(t.Context(), run, "a blue house", "-model", model, "-image", "in.png", "-steps", "2", "-noise-level", level)
		require.Equal(t, 0, status, stderr)
		pictures = append(pictures, clitest.ReadPNG(t, "out.png"))
	}
	assert.Equal(t, image.Pt(64, 48), pictures[0].Bounds().Size())
	assert.NotEqual(t, pictures[0], pictures[1])
	assert.NotEqual(t, pictures[0], pictures[2])
	in := []string{"x", "-model", model, "-image", "in.png"}
	clitest.Misused(t, run, "noise level: have 351, want 1 to 350", append(in, "-noise-level", "351")...)
	clitest.Misused(t, run, "-image: have no file", "x", "-model", model)
	clitest.Fails(t, run, "want 7 for upscaling: this model is for text-to-image", "x", "-image", "in.png")
}
