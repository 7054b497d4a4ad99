package main

import (
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/examples/internal/commands"
)

var run = commands.Outpaint.Run

// The image keeps its pixels within the border.
func TestPicture(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 48, 40, image.Rect(8, 8, 32, 32), color.NRGBA{255, 0, 0, 255})
	status, _, stderr := clitest.Run(t.Context(), run, "a blue house", "-image", "in.png", "-steps", "2", "-keep-outside",
		"-border", "16,0,8,0", "-border-fill", "noise", "-border-overlap", "0")
	require.Equal(t, 0, status, stderr)
	before, after := clitest.ReadPNG(t, "in.png"), clitest.ReadPNG(t, "out.png")
	require.Equal(t, image.Pt(64, 48), after.Bounds().Size())
	for y := range 40 {
		for x := range 48 {
			require.Equal(t, color.NRGBAModel.Convert(before.At(x, y)), color.NRGBAModel.Convert(after.At(x+16, y+8)))
		}
	}
}

func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 48, 40, image.Rect(8, 8, 32, 32), color.White)
	in := []string{"x", "-image", "in.png"}
	for message, args := range map[string][]string{
		"-image: have no file":                     {"x", "-border", "8"},
		"-border: have none, want pixels to paint": in,
		"want a number of pixels, or four":         append(in, "-border", "1,2"),
		"want a number of pixels":                  append(in, "-border", "a"),
		"want edge, blur or noise":                 append(in, "-border", "8", "-border-fill", "red"),
		"want 0 or more pixels":                    append(in, "-border", "8", "-border-overlap", "-1"),
		"width: have a size of 64×0 pixels":        append(in, "-border", "8", "-width", "64"),
		"mask-cells: want any or soft":             append(in, "-border", "8", "-mask-cells", "sample"),
	} {
		clitest.Misused(t, run, message, args...)
	}
	assert.NotEmpty(t, commands.Outpaint.Examples)
}
