package main

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/examples/internal/commands"
	"sdgo/internal/golden"
)

var run = commands.ImageToImage.Run

var (
	square = image.Rect(16, 16, 32, 32)
	red    = color.NRGBA{255, 0, 0, 255}
)

func TestPicture(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 64, 48, square, red)
	status, _, stderr := clitest.Run(t.Context(), run, "a blue house", "-image", "in.png", "-strength", "0.5", "-steps", "4")
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, image.Pt(64, 48), clitest.ReadPNG(t, "out.png").Bounds().Size())
}

// A model that sees depth wants a depth map, and others none.
func TestDepth(t *testing.T) {
	model := golden.ModelDir(t, "tiny-depth")
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 64, 48, square, red)
	clitest.WritePNG(t, "depth.png", 32, 32, square, color.NRGBA{255, 255, 255, 255})
	clitest.WritePNG(t, "flat.png", 32, 32, image.Rectangle{}, red)
	args := []string{"a blue house", "-steps", "4", "-image", "in.png"}
	status, _, stderr := clitest.Run(t.Context(), run, append(args, "-model", model, "-depth", "depth.png")...)
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, image.Pt(64, 48), clitest.ReadPNG(t, "out.png").Bounds().Size())

	clitest.Fails(t, run, "this model is for depth-to-image", append(args, "-model", model)...)
	clitest.Fails(t, run, "want 5 for depth-to-image", append(args, "-depth", "depth.png")...)
	clitest.Fails(t, run, "everywhere, want a map of different depths", append(args, "-model", model, "-depth", "flat.png")...)
	clitest.Fails(t, run, "-depth: open missing.png", append(args, "-depth", "missing.png")...)
}

// A photo that was taken with the camera held otherwise gives the upright picture.
func TestOrientation(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 64, 48, square, red)
	args := []string{"a blue house", "-strength", "0.5", "-steps", "4", "-image"}
	status, _, stderr := clitest.Run(t.Context(), run, append(args, "in.png", "-o", "want.png")...)
	require.Equal(t, 0, status, stderr)
	for _, orientation := range []int{2, 3, 6, 8} {
		clitest.WriteTurned(t, "in.png", "turned.png", orientation)
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "turned.png")...)
		require.Equal(t, 0, status, stderr)
		require.Equal(t, clitest.ReadPNG(t, "want.png"), clitest.ReadPNG(t, "out.png"), "orientation %d", orientation)
	}
}

func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 64, 48, square, red)
	clitest.WritePNG(t, "small.png", 7, 7, square, red)
	tests := []struct {
		name, message string
		args          []string
	}{
		{"no image", "-image: have no file", []string{"x"}},
		{"no prompt", "have no prompt", []string{"-image", "in.png"}},
		{"strength 0", "-strength: have 0", []string{"x", "-image", "in.png", "-strength", "0"}},
		{"image below 8 pixels", "have 7×7 pixels, want at least 8×8", []string{"x", "-image", "small.png"}},
		{"strength 2", "strength: have 2", []string{"x", "-image", "in.png", "-strength", "2"}},
		{"strength NaN", "strength: have NaN", []string{"x", "-image", "in.png", "-strength", "NaN"}},
		{"size no multiple of 8", "100×48", []string{"x", "-image", "in.png", "-width", "100"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { clitest.Misused(t, run, tt.message, tt.args...) })
	}
}

func TestFails(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 64, 48, square, red)
	whole, err := os.ReadFile("in.png")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("cut.png", whole[:len(whole)/2], 0o644))
	require.NoError(t, os.WriteFile("text.png", []byte("no picture"), 0o644))
	require.NoError(t, os.WriteFile("heic.jpg", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), 0o644))
	huge := append([]byte{}, whole...)
	copy(huge[16:], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 8, 2, 0, 0, 0, 0x4a, 0x21, 0xb1, 0x33}) // IHDR of 65535×65535
	require.NoError(t, os.WriteFile("huge.png", huge, 0o644))
	require.NoError(t, os.Mkdir("folder", 0o755))

	tests := []struct {
		name, message string
		args          []string
	}{
		{"missing image", "-image: open missing.png", []string{"x", "-image", "missing.png"}},
		{"image is a folder", "-image: folder: have a directory, want a regular file", []string{"x", "-image", "folder"}},
		{"image of another format", "heic.jpg: diffusion: image: have a HEIF picture, want PNG, JPEG, GIF, WebP, BMP or TIFF", []string{"x", "-image", "heic.jpg"}},
		{"image is no picture", "text.png: diffusion: image: have a file that begins with 6e 6f", []string{"x", "-image", "text.png"}},
		{"image is cut off", "cut.png: ", []string{"x", "-image", "cut.png"}},
		{"image is huge", "huge.png: ", []string{"x", "-image", "huge.png"}},
		{"no such folder for the output", "no such file", []string{"x", "-image", "in.png", "-o", filepath.Join("missing", "out.png")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { clitest.Fails(t, run, tt.message, tt.args...) })
	}
}
