package cli

import (
	"flag"
	"image"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/diffusion/preprocess"
)

// Flags are those of the network before them.
func TestControlFlags(t *testing.T) {
	var l controls
	f := flag.NewFlagSet("x", flag.ContinueOnError)
	l.flags(f)
	words, err := ParseFlags(f, []string{
		"-control", "canny.safetensors", "-control-image", "edges.png", "-control-scale", "0.8", "-control-end=0.5",
		"-control", "pose", "-guess", "-control-start", "0.25", "a cat",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"a cat"}, words)
	assert.Equal(t, controls{
		{"canny.safetensors", "edges.png", diffusion.Control{Scale: 0.8, End: 0.5}, nil},
		{"pose", "", diffusion.Control{Start: 0.25, Guess: true}, nil},
	}, l)
}

func TestControlFlagErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-control-image", "x.png"}, "have no -control before it"},
		{[]string{"-guess"}, "have no -control before it"},
		{[]string{"-control", ""}, "have an empty name, want a folder or file"},
		{[]string{"-control", "x", "-control-scale", "0"}, "want another number than 0"},
		{[]string{"-control", "x", "-control-end", "0"}, "want another number than 0"},
		{[]string{"-control", "x", "-control-scale", "much"}, "much"},
		{[]string{"-preprocess", "canny"}, "have no -control before it"},
		{[]string{"-control", "x", "-preprocess", "depth"}, "want one of none, canny:100,200, scribble, outline:4, blur:9, tile:4, color:64"},
		{[]string{"-control", "x", "-preprocess", "canny:3"}, "have 1 numbers, want it as in canny:100,200"},
		{[]string{"-control", "x", "-preprocess", "scribble:"}, "have 1 numbers, want it as in scribble"},
		{[]string{"-control", "x", "-preprocess", "tile:2.5"}, "have 2.5, want a whole number, as in tile:4"},
		{[]string{"-control", "x", "-preprocess", "color:NaN"}, "have NaN, want a whole number, as in color:64"},
		{[]string{"-control", "x", "-preprocess", "blur:much"}, `have "much", want a number as in blur:9`},
		{[]string{"-control", "x", "-preprocess", "blur:-1"}, "have a radius of -1 pixels"},
		{[]string{"-control", "x", "-preprocess", "tile:0"}, "have a factor of 0"},
	} {
		var l controls
		f := flag.NewFlagSet("x", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		l.flags(f)
		_, err := ParseFlags(f, tt.args)
		assert.ErrorContains(t, err, tt.want)
	}
}

// What is made of a picture is what the package for that makes of it.
func TestPreprocess(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i)
	}
	made := func(img image.Image, err error) image.Image {
		require.NoError(t, err)
		return img
	}
	for s, want := range map[string]image.Image{
		"none": img, "canny": made(picture(preprocess.Canny(img, nil))), "canny:20,30": made(picture(preprocess.Canny(img, &preprocess.CannyOptions{Low: 20, High: 30}))),
		"scribble": made(picture(preprocess.Scribble(img))), "outline:2": made(picture(preprocess.Outline(img, 2))), "blur:1.5": made(picture(preprocess.Blur(img, 1.5))),
		"tile": made(picture(preprocess.Tile(img, 4))), "color:8": made(picture(preprocess.ColorGrid(img, 8))),
	} {
		make, err := parsePreprocess(s)
		require.NoError(t, err)
		assert.Equal(t, want, made(make(img)), s)
	}
}
