package main

import (
	"image"
	"image/color"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
)

// What a subcommand made it makes again of the picture's file, with the image and mask that it had.
func TestFromEach(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WritePNG(t, "in.png", 48, 40, image.Rect(8, 8, 32, 32), color.NRGBA{255, 0, 0, 255})
	clitest.WritePNG(t, "mask.png", 48, 40, image.Rect(8, 8, 32, 32), color.White)
	for _, tt := range []struct{ command, flags, given string }{
		{"txt2img", "-width 16 -height 24 -weights q8_0 -precision bfloat16", ""},
		{"txt2img", "-width 16 -height 24 -hires 2", ""},
		{"img2img", "-strength 0.6", "-image in.png"},
		{"inpaint", "-mask-blur 2 -only-masked 8 -mask-cells soft", "-image in.png -mask mask.png"},
		{"outpaint", "-border 16,0,8,0 -border-overlap 0 -keep-outside", "-image in.png"},
		{"outpaint", "-border 8 -border-fill noise", "-image in.png"},
		{"vary", "-strength 0.7", "-image in.png"},
	} {
		call := func(words ...string) {
			args := append([]string{tt.command, "-quiet"}, strings.Fields(tt.given)...)
			_, stderr, err := sd(t, append(args, words...)...)
			require.NoError(t, err, tt)
			assert.Empty(t, stderr, tt)
		}
		call(append(strings.Fields(tt.flags), "-steps", "3", "-seed", "0", "-n", "2", "-o", "made.png", "a red house")...)
		want, err := os.ReadFile("made-1.png")
		require.NoError(t, err)
		call("-from", "made-1.png", "-o", "again.png")
		have, err := os.ReadFile("again.png")
		require.NoError(t, err)
		assert.Equal(t, want, have, tt)
	}
}

// A picture of no words is one, too, and what it had of other files is told.
func TestFromWords(t *testing.T) {
	t.Chdir(t.TempDir())
	size := []string{"-steps", "2", "-width", "16", "-height", "16"}
	_, _, err := sd(t, append([]string{"txt2img", "-o", "empty.png", "-prediction", "epsilon", ""}, size...)...)
	require.NoError(t, err)
	_, stderr, err := sd(t, "txt2img", "-from", "empty.png")
	require.NoError(t, err)
	assert.Contains(t, stderr, "the picture was made with -prediction epsilon, which is not given")
	stdout, stderr, err := sd(t, "txt2img", "-from", "empty.png", "-prediction", "epsilon", "-no-metadata", "-json")
	require.NoError(t, err)
	assert.NotContains(t, stderr, "which is not given")
	_, _, err = sd(t, "info", "out.png")
	assert.ErrorContains(t, err, "out.png: diffusion: parameters: have a picture without parameters")
	assert.Contains(t, stdout, `"task": "text-to-image"`, "the settings are for programs all the same")
}
