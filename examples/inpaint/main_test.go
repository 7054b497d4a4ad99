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

var run = commands.Inpaint.Run

var (
	size = image.Pt(64, 48)
	hole = image.Rect(16, 16, 40, 32)
	red  = color.NRGBA{255, 0, 0, 255}
)

// write writes an image and masks of all kinds.
func write(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", size.X, size.Y, image.Rect(8, 8, 32, 32), red)
	clitest.WritePNG(t, "mask.png", size.X, size.Y, hole, color.White)
	clitest.WritePNG(t, "alpha.png", size.X, size.Y, hole, color.Transparent)
	clitest.WritePNG(t, "black.png", size.X, size.Y, image.Rectangle{}, color.White)
	clitest.WritePNG(t, "thin.png", size.X, size.Y, image.Rect(10, 0, 13, size.Y), color.White)
	clitest.WritePNG(t, "half.png", size.X/2, size.Y/2, image.Rect(8, 8, 20, 16), color.White)
}

func TestPicture(t *testing.T) {
	write(t)
	for _, mask := range [][]string{
		{"-mask", "mask.png"},
		{"-mask", "alpha.png", "-mask-mode", "alpha"},
	} {
		status, _, stderr := clitest.Run(t.Context(), run, append(mask, "a blue house", "-image", "in.png", "-steps", "2", "-keep-outside")...)
		require.Equal(t, 0, status, stderr)
		before, after := clitest.ReadPNG(t, "in.png"), clitest.ReadPNG(t, "out.png")
		assert.Equal(t, size, after.Bounds().Size())
		changed := image.Rectangle{}
		for y := range size.Y {
			for x := range size.X {
				if color.NRGBAModel.Convert(before.At(x, y)) != color.NRGBAModel.Convert(after.At(x, y)) {
					changed = changed.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		assert.Equal(t, hole, changed, "what changed is the mask")
	}
}

// A mask of another size is stretched, and the command says so; one of the same
// size is not mentioned.
func TestMaskOfAnotherSize(t *testing.T) {
	write(t)
	args := []string{"a blue house", "-image", "in.png", "-steps", "2", "-mask"}
	status, _, stderr := clitest.Run(t.Context(), run, append(args, "half.png")...)
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stderr, "note: the mask has 32×24 pixels and is stretched over the image's 64×48\n")
	stretched := clitest.ReadPNG(t, "out.png")
	status, _, stderr = clitest.Run(t.Context(), run, append(args, "mask.png")...)
	require.Equal(t, 0, status, stderr)
	assert.NotContains(t, stderr, "note:")
	assert.Equal(t, clitest.ReadPNG(t, "out.png"), stretched, "the same cells")
}

// A line three pixels wide that no sampled pixel lies in is repainted all the same.
func TestThinMask(t *testing.T) {
	write(t)
	args := []string{"a blue house", "-image", "in.png", "-steps", "2", "-mask", "thin.png", "-keep-outside"}
	status, _, stderr := clitest.Run(t.Context(), run, args...)
	require.Equal(t, 0, status, stderr)
	before, after := clitest.ReadPNG(t, "in.png"), clitest.ReadPNG(t, "out.png")
	repainted := 0
	for y := range size.Y {
		for x := range size.X {
			same := color.NRGBAModel.Convert(before.At(x, y)) == color.NRGBAModel.Convert(after.At(x, y))
			if x >= 10 && x < 13 && !same {
				repainted++
			} else if x < 10 || x >= 13 {
				require.True(t, same, "%d, %d", x, y)
			}
		}
	}
	assert.Greater(t, repainted, 100, "of 144")
}

// The orientation of the image and that of the mask count, each by itself.
func TestOrientation(t *testing.T) {
	write(t)
	args := []string{"a blue house", "-steps", "2", "-keep-outside"}
	status, _, stderr := clitest.Run(t.Context(), run, append(args, "-image", "in.png", "-mask", "mask.png", "-o", "want.png")...)
	require.Equal(t, 0, status, stderr)
	clitest.WriteTurned(t, "in.png", "turned.png", 3)
	clitest.WriteTurned(t, "mask.png", "turnedmask.png", 6)
	for _, files := range [][]string{{"turned.png", "mask.png"}, {"in.png", "turnedmask.png"}, {"turned.png", "turnedmask.png"}} {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-image", files[0], "-mask", files[1])...)
		require.Equal(t, 0, status, stderr)
		assert.NotContains(t, stderr, "note:")
		require.Equal(t, clitest.ReadPNG(t, "want.png"), clitest.ReadPNG(t, "out.png"), "%v", files)
	}
}

func TestMisuse(t *testing.T) {
	write(t)
	in := []string{"x", "-image", "in.png"}
	tests := []struct {
		name, message string
		args          []string
	}{
		{"no image", "-image: have no file", []string{"x", "-mask", "mask.png"}},
		{"no mask", "-mask: have no file", in},
		{"unknown mask cells", `invalid value "all" for flag -mask-cells: want any or sample or soft`, append(in, "-mask", "mask.png", "-mask-cells", "all")},
		{"unknown mask mode", "-mask-mode", append(in, "-mask", "mask.png", "-mask-mode", "red")},
		{"strength 0", "-strength: have 0", append(in, "-mask", "mask.png", "-strength", "0")},
		{"no prompt", "have no prompt", []string{"-image", "in.png", "-mask", "mask.png"}},
		{"strength 2", "strength: have 2", append(in, "-mask", "mask.png", "-strength", "2")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { clitest.Misused(t, run, tt.message, tt.args...) })
	}
}

func TestFails(t *testing.T) {
	write(t)
	in := []string{"x", "-image", "in.png"}
	tests := []struct {
		name, message string
		args          []string
	}{
		{"missing mask", "-mask: open missing.png", append(in, "-mask", "missing.png")},
		{"thin mask, sampled", "mask: have no pixel to repaint: MaskCellsSample", append(in, "-mask", "thin.png", "-mask-cells", "sample")},
		{"all-black mask", "mask: have no pixel to repaint", append(in, "-mask", "black.png")},
		{"opaque mask", "mask: have no pixel to repaint", append(in, "-mask", "mask.png", "-mask-mode", "alpha")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { clitest.Fails(t, run, tt.message, tt.args...) })
	}
}
