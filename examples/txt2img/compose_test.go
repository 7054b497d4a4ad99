package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
)

// Regions and windows by flags: a mask that is white everywhere is the box of the whole.
func TestCompose(t *testing.T) {
	t.Chdir(t.TempDir())
	white := image.NewGray(image.Rect(0, 0, 64, 32))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, white))
	require.NoError(t, os.WriteFile("white.png", file.Bytes(), 0o600))
	picture := func(args ...string) image.Image {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-quiet", "-steps", "2", "-height", "32", "-width", "64", "-o", "x.png", "a green hill")...)
		require.Equal(t, 0, status, stderr)
		f, err := os.Open("x.png")
		require.NoError(t, err)
		defer f.Close()
		img, err := png.Decode(f)
		require.NoError(t, err)
		return img
	}
	plain := picture()
	all := picture("-region", "0,0,64,32:a blue boat")
	assert.Equal(t, all, picture("-region", "white.png:a blue boat"))
	half := picture("-region", "0,0,32,32;feather=8;weight=2;end=0.9;negative=dark:a blue boat", "-base-weight", "1")
	through := picture("-window", "32", "-overlap", "8", "-wrap")
	for _, other := range []image.Image{all, half, through} {
		assert.NotEqual(t, plain, other)
	}

	for want, args := range map[string][]string{
		`-region: have "a boat", want a place`:                            {"-region", "a boat"},
		"-region: open none.png":                                          {"-region", "none.png:a boat"},
		"region 1: have a mask of 64×32 pixels, want that of the picture": {"-region", "white.png:a boat", "-width", "32"},
		"region 1: have the box (0,0)-(99,8), want one":                   {"-region", "0,0,99,8:a boat", "-width", "32"},
		"windows: have an overlap of 32 pixels":                           {"-window", "32", "-overlap", "32"},
		"windows: have windows of 0×0 pixels":                             {"-wrap"},
	} {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-steps", "2", "-height", "32", "a green hill")...)
		assert.NotZero(t, status)
		assert.Contains(t, stderr, want)
	}
}
