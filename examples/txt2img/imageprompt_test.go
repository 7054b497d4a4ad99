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
	"sdgo/internal/golden"
)

// The flags of image prompts and of a safety checker reach the pictures.
func TestImagePrompts(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, checker := golden.ModelDir(t, "tiny-sd15"), golden.ModelDir(t, "tiny-safety-checker")
	require.NoError(t, os.CopyFS("adapters", golden.Model(t, "ip-adapter")))
	require.NoError(t, os.CopyFS(filepath.Join("adapters", "image_encoder"), golden.Model(t, "tiny-vision")))
	clitest.WritePNG(t, "red.png", 40, 30, image.Rect(5, 5, 20, 20), color.NRGBA{255, 0, 0, 255})
	clitest.WritePNG(t, "left.png", 16, 16, image.Rect(0, 0, 8, 16), color.White)
	draw := func(out string, args ...string) any {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-model", dir, "-steps", "2", "-width", "16", "-height", "16", "-o", out, "a cat")...)
		require.Equal(t, 0, status, stderr)
		return clitest.ReadPNG(t, out)
	}
	plain := draw("a.png")
	one := draw("b.png", "-ip-adapter", "adapters/plain-sd15.safetensors", "-image-prompt", "red.png")
	assert.NotEqual(t, plain, one)
	assert.Equal(t, one, draw("c.png", "-ip-adapter", "adapters/plain-sd15.safetensors:1", "-image-prompt", "red.png", "-image-encoder", "adapters/image_encoder", "-safety-checker", checker))
	assert.NotEqual(t, one, draw("d.png", "-ip-adapter", "adapters/plain-sd15.safetensors", "-image-prompt", "red.png", "-ip-mask", "left.png", "-ip-adapter", "adapters/plus-sd15.safetensors:0.5", "-image-prompt", "red.png", "-ip-blocks", "mid_block=1"))

	clitest.Misused(t, run, "have no picture for it, want an -image-prompt behind it", "-model", dir, "-ip-adapter", "adapters/plain-sd15.safetensors", "-o", "e.png", "a cat")
	clitest.Fails(t, run, "adapters/none.bin", "-model", dir, "-ip-adapter", "adapters/none.bin", "-image-prompt", "red.png", "-o", "e.png", "a cat")
	clitest.Fails(t, run, "none.png", "-model", dir, "-ip-adapter", "adapters/plain-sd15.safetensors", "-image-prompt", "none.png", "-o", "e.png", "a cat")
	clitest.Misused(t, run, "safety checker", "-model", dir, "-safety-checker", "adapters", "-o", "e.png", "a cat")
}
