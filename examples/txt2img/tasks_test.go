package main

import (
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
)

// A second pass makes the picture larger, and its flags are checked.
func TestHighRes(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"a blue house", "-steps", "2", "-width", "64", "-height", "48"}
	status, _, stderr := clitest.Run(t.Context(), run, append(args, "-hires", "1.5", "-hires-upscaler", "latent (bicubic)", "-hires-steps", "1", "-hires-strength", "0.5")...)
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, image.Pt(96, 72), clitest.ReadPNG(t, "out.png").Bounds().Size())
	clitest.Misused(t, run, "want one of Latent, ", append(args, "-hires-upscaler", "ESRGAN")...)
	clitest.Misused(t, run, "high res: have a Strength of 2", append(args, "-hires", "2", "-hires-strength", "2")...)
	clitest.Misused(t, run, "high res: have a picture of 64×48 pixels to be enlarged by 1", append(args, "-hires", "1")...)
}

// Boxes are for other models than the demo model.
func TestBoxes(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.Misused(t, run, "boxes: have 2, want none: the U-Net takes no boxes", "x", "-box", "0,0,0.5,0.5:a house", "-box", "0.5, 0, 1, 0.5: a boat: red")
	clitest.Misused(t, run, "want left,top,right,bottom:phrase", "x", "-box", "0,0,1:a house")
	clitest.Misused(t, run, `have side "b", want a number`, "x", "-box", "0,0,b,1:a house")
}
