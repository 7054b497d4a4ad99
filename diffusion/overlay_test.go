package diffusion

import (
	"compress/gzip"
	"encoding/json"
	"image"
	"image/color"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every gray of a mask gives the bytes of diffusers' apply_overlay.
func TestOverlayAsDiffusers(t *testing.T) {
	f, err := os.Open("testdata/overlay.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var golden struct {
		Size                           [2]int
		Original, Result, Mask, Output []byte
	}
	require.NoError(t, json.NewDecoder(z).Decode(&golden))
	w, h := golden.Size[0], golden.Size[1]
	result := image.NewNRGBA(image.Rect(0, 0, w, h))
	require.NoError(t, overlay(result, make([]uint8, w*h), pixels{w, h, 3, golden.Result}.opaque(t.Context())))
	require.NoError(t, overlay(result, golden.Mask, pixels{w, h, 3, golden.Original}.opaque(t.Context())))
	assert.Equal(t, golden.Output, rgb(t, result).pix)
	assert.True(t, result.Opaque())
}

// A blurred mask leaves no seam: the picture is that of diffusers' apply_overlay.
func TestSoftMask(t *testing.T) {
	result := image.NewNRGBA(image.Rect(0, 0, 128, 128))
	plain := rgb(t, readPNG(t, "testdata/seam/plain.png"))
	require.NoError(t, overlay(result, make([]uint8, 128*128), plain.opaque(t.Context())))
	original := rgb(t, readPNG(t, "testdata/seam/original.png"))
	mask, err := areaOf(t, readPNG(t, "testdata/seam/mask.png"), Options{Width: 128, Height: 128})
	require.NoError(t, err)
	require.NoError(t, overlay(result, mask.gray, original.opaque(t.Context())))
	assert.Equal(t, rgb(t, readPNG(t, "testdata/seam/overlay.png")).pix, rgb(t, result).pix)
}

// A hard mask has a hard edge, and keeps the bytes outside, those of transparent
// pixels too.
func TestHardMask(t *testing.T) {
	original := fill(4, 2, color.NRGBA{10, 20, 30, 40})
	original.SetNRGBA(1, 0, color.NRGBA{1, 2, 3, 0})
	src, err := newSource("image", original)
	require.NoError(t, err)
	mask := []uint8{0, 0, 255, 255, 0, 255, 255, 0}
	result := fill(4, 2, color.NRGBA{200, 200, 200, 255})
	require.NoError(t, overlay(result, mask, src.nrgba(t.Context())))
	for i, m := range mask {
		want := color.NRGBA{200, 200, 200, 255}
		if m == 0 {
			want = original.NRGBAAt(i%4, i/4)
		}
		assert.Equal(t, want, result.NRGBAAt(i%4, i/4), "pixel %d", i)
	}
}
