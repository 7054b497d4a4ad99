package diffusion

import (
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPreview(t *testing.T) {
	latents := make([]float32, 4*2*3)
	latents[1] = 1      // channel 0, row 0, column 1
	latents[3*6+5] = -2 // channel 3, row 1, column 2
	for _, scale := range []int{0, 1, 8} {
		img, err := latentRGB.image(latents, 2, 3, scale)
		require.NoError(t, err)
		scale = max(scale, 1)
		assert.Equal(t, image.Rect(0, 0, 3*scale, 2*scale), img.Rect)
		assert.Equal(t, color.NRGBA{128, 128, 128, 255}, img.NRGBAAt(0, 0), "zero is gray")
		want := color.NRGBA{165, 154, 154, 255} // 127.5 · (1 + factor)
		assert.Equal(t, want, img.NRGBAAt(scale, 0))
		assert.Equal(t, want, img.NRGBAAt(2*scale-1, scale-1))
		assert.Equal(t, color.NRGBA{174, 197, 248, 255}, img.NRGBAAt(3*scale-1, 2*scale-1))
	}
	for _, s := range [][2]int{{2, 2}, {0, 3}, {-2, -3}} {
		_, err := latentRGB.image(latents, s[0], s[1], 1)
		assert.ErrorContains(t, err, "diffusion: preview: have 24 values")
	}
}

// The latents of SDXL have other colors.
func TestPreviewXL(t *testing.T) {
	img, err := load(t, "tiny-sdxl", nil).latentColors().image([]float32{0, 0, 0, 0}, 1, 1, 1)
	require.NoError(t, err)
	assert.Equal(t, color.NRGBA{141, 125, 127, 255}, img.NRGBAAt(0, 0))
	assert.Same(t, &latentRGB, load(t, "tiny-sd15", nil).latentColors())
}
