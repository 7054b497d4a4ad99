package diffusion

import (
	"encoding/json"
	"image"
	"image/color"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// diffusers made of mask.png the mask channel of the U-Net's input.
func TestMaskAsDiffusers(t *testing.T) {
	mask := readPNG(t, "testdata/mask.png")
	require.NoError(t, checkMask(mask, readPNG(t, "testdata/input.png"), MaskLuminance))
	pixelMask, err := maskToTensor(mask, MaskLuminance, 64, 64)
	require.NoError(t, err)
	for i, v := range pixelMask {
		require.Equal(t, mask.(*image.Gray).Pix[i] == 255, v == 1)
	}
	var golden struct {
		LatentMask []float32 `json:"latent_mask"`
	}
	data, err := os.ReadFile("testdata/inpaint9_mask.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &golden))
	assert.Equal(t, golden.LatentMask, maskToLatents(pixelMask, 64, 64, 8, 8))
}

func TestMaskModes(t *testing.T) {
	mask := image.NewNRGBA(image.Rect(0, 0, 6, 1))
	for x, c := range []color.NRGBA{
		{127, 127, 127, 255}, {128, 128, 128, 255}, {255, 255, 255, 0}, {0, 0, 0, 127}, {0, 0, 0, 128}, {0, 255, 0, 255},
	} {
		mask.SetNRGBA(x, 0, c)
	}
	for mode, want := range map[MaskMode][]float32{
		MaskLuminance: {0, 1, 1, 0, 0, 1}, // pure green has luminance 150
		MaskAlpha:     {0, 0, 1, 1, 0, 0},
	} {
		got, err := maskToTensor(mask, mode, 6, 1)
		require.NoError(t, err)
		assert.Equal(t, want, got, "%v", mode)
	}
}

func TestEmptyMask(t *testing.T) {
	for mode, mask := range map[MaskMode]image.Image{
		MaskLuminance: fill(9, 9, color.NRGBA{127, 127, 127, 0}),
		MaskAlpha:     fill(9, 9, color.NRGBA{255, 255, 255, 255}),
	} {
		_, err := maskToTensor(mask, mode, 16, 8)
		assert.ErrorIs(t, err, ErrEmptyMask, "%v", mode)
	}
}

func TestCheckMask(t *testing.T) {
	img := fill(8, 8, color.NRGBA{})
	assert.NoError(t, checkMask(fill(8, 8, color.NRGBA{}), img, MaskAlpha))
	assert.EqualError(t, checkMask(fill(8, 9, color.NRGBA{}), img, MaskLuminance),
		"diffusion: mask: have 8×9 pixels, want the image's 8×8")
	assert.ErrorContains(t, checkMask(nil, img, MaskLuminance), "diffusion: mask: have no image")
	assert.ErrorContains(t, checkMask(img, img, 7), "diffusion: mask mode: have 7")
	assert.Equal(t, []string{"luminance", "alpha", "MaskMode(7)"},
		[]string{MaskLuminance.String(), MaskAlpha.String(), MaskMode(7).String()})
}

func TestNearest(t *testing.T) {
	tests := []struct {
		in, out int
		want    []int
	}{
		{64, 8, []int{0, 8, 16, 24, 32, 40, 48, 56}},
		{5, 3, []int{0, 1, 3}},
		{2, 4, []int{0, 0, 1, 1}},
		{1, 2, []int{0, 0}},
	}
	for _, tt := range tests {
		for i, want := range tt.want {
			assert.Equal(t, want, nearest(i, tt.in, tt.out), "%d of %d to %d", i, tt.in, tt.out)
		}
	}
}

func TestMaskedImage(t *testing.T) {
	x := []float32{1, -1, 0.5, 0.25, -0.5, 1}
	assert.Equal(t, []float32{1, 0, 0.5, 0, -0.5, 0}, maskedImage(x, []float32{0, 1}))
}

func TestKeepOutsideMask(t *testing.T) {
	original := fill(4, 2, color.NRGBA{10, 20, 30, 40})
	original.SetNRGBA(1, 0, color.NRGBA{1, 2, 3, 0})
	mask := []float32{0, 0, 1, 1, 0, 1, 1, 0}
	result := fill(4, 2, color.NRGBA{200, 200, 200, 255})
	keepOutsideMask(result, original, mask)
	for i, m := range mask {
		want := color.NRGBA{200, 200, 200, 255}
		if m == 0 {
			want = original.NRGBAAt(i%4, i/4)
		}
		assert.Equal(t, want, result.NRGBAAt(i%4, i/4), "pixel %d", i)
	}

	// Another size: the pixels of imageToTensor.
	img := readPNG(t, "testdata/input.png")
	result = fill(32, 40, color.NRGBA{})
	keepOutsideMask(result, img, make([]float32, 32*40))
	want, err := tensorToImages(imageToTensor(img, 32, 40), 1, 40, 32)
	require.NoError(t, err)
	assert.Equal(t, want[0].Pix, result.Pix)
}
