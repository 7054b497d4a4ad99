package diffusion

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A photo that lies on its side comes out upright. phone.jpg is upright.png turned,
// as JPEG.
func TestDecodeImageUpright(t *testing.T) {
	f, err := os.Open("testdata/phone.jpg")
	require.NoError(t, err)
	defer f.Close()
	img, err := DecodeImage(f)
	require.NoError(t, err)
	have, want := rgb(t, img), rgb(t, readPNG(t, "testdata/upright.png"))
	require.Equal(t, []int{160, 128}, []int{have.width, have.height})
	const lossy = 6 // what JPEG changed, seen with Pillow
	for i := range want.pix {
		require.InDelta(t, want.pix[i], have.pix[i], lossy+2)
	}
}

func TestDecodeImageErrors(t *testing.T) {
	_, err := DecodeImage(nil)
	assert.EqualError(t, err, "diffusion: image: have no reader")
	_, err = DecodeImage(strings.NewReader("\x00\x00\x00\x18ftypheic"))
	assert.EqualError(t, err, "diffusion: image: have a HEIF picture, want PNG, JPEG, GIF, WebP, BMP or TIFF")
	_, err = DecodeImage(strings.NewReader("\x89PNG\r\n\x1a\nxxxx"))
	assert.ErrorContains(t, err, "diffusion: image: PNG: ")
}

// What is upright and needs no conversion stays of its type; all else is NRGBA.
func TestDecodeImageTypes(t *testing.T) {
	gray16, photo := image.NewGray16(image.Rect(0, 0, 5, 4)), image.NewYCbCr(image.Rect(0, 0, 5, 4), image.YCbCrSubsampleRatio420)
	var a, b bytes.Buffer
	require.NoError(t, png.Encode(&a, gray16))
	require.NoError(t, jpeg.Encode(&b, photo, nil))
	img, err := DecodeImage(&a)
	require.NoError(t, err)
	assert.IsType(t, gray16, img)
	img, err = DecodeImage(&b)
	require.NoError(t, err)
	assert.IsType(t, &image.NRGBA{}, img)
}

func TestOrientImage(t *testing.T) {
	img := image.NewPaletted(image.Rect(5, 5, 7, 6), color.Palette{color.NRGBA{1, 2, 3, 0}, color.NRGBA{4, 5, 6, 7}})
	img.Pix[1] = 1
	for orientation := range 2 {
		same, err := OrientImage(img, orientation)
		require.NoError(t, err)
		assert.Same(t, img, same)
	}
	turned, err := OrientImage(img, 8)
	require.NoError(t, err)
	assert.Equal(t, &image.NRGBA{Pix: []uint8{4, 5, 6, 7, 1, 2, 3, 0}, Stride: 4, Rect: image.Rect(0, 0, 1, 2)}, turned)

	for _, orientation := range []int{-1, 9, 1 << 40} {
		_, err := OrientImage(img, orientation)
		assert.ErrorContains(t, err, "diffusion: orientation: have")
	}
	for name, tt := range brokenImages() {
		_, err := OrientImage(tt.img, 6)
		assert.ErrorContains(t, err, tt.want, name)
	}
}
