package main

import (
	"image"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
)

// A command takes of another's picture what it has a use for.
func TestFromOtherCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	small := "-steps 2 -width 16 -height 24 -seed 5 "
	for _, args := range []string{
		"txt2img " + small + "-hires 2 -hires-upscaler lanczos -o twice.png x",
		"inpaint " + small + "-image twice.png -mask twice.png -mask-blur 3 -only-masked 8 -mask-cells soft -keep-outside -o painted.png x",
		"outpaint -steps 2 -seed 5 -image twice.png -border 4 -border-fill noise -keep-outside -o around.png x",
	} {
		_, _, err := sd(t, strings.Fields(args)...)
		require.NoError(t, err, args)
	}
	for args, note := range map[string]string{
		"txt2img -from painted.png":                                                           "the strength of 1 is left out",
		"txt2img -from around.png":                                                            "the strength of 1 is left out",
		"img2img -from painted.png -image twice.png":                                          "",
		"img2img -from twice.png -image twice.png":                                            "the second pass is left out",
		"inpaint -from twice.png -image twice.png -mask twice.png":                            "the second pass is left out",
		"outpaint -from twice.png -image twice.png -border 8":                                 "the second pass is left out",
		"outpaint -from painted.png -image twice.png -border 8":                               "",
		"vary -image twice.png":                                                               "the second pass is left out",
		"vary -image painted.png":                                                             "",
		"outpaint -from around.png -image twice.png -border 4 -o same.png -border-fill noise": "",
	} {
		_, stderr, err := sd(t, strings.Fields(args)...)
		require.NoError(t, err, args)
		assert.Contains(t, stderr, note, args)
		if note == "" {
			assert.NotContains(t, stderr, "left out", args)
		}
	}
	assert.Equal(t, clitest.ReadPNG(t, "around.png"), clitest.ReadPNG(t, "same.png"))
	_, _, err := sd(t, "img2img", "-from", "twice.png", "-image", "twice.png", "-o", "again.png")
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 32, 48), clitest.ReadPNG(t, "again.png").Bounds(), "the image's, not the first pass's")
}
