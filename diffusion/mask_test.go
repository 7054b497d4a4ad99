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

// areaOf is what a mask repaints in a picture of width × height with cells of 8×8.
func areaOf(t testing.TB, mask image.Image, o Options) (*area, error) {
	src, err := newSource("mask", mask)
	require.NoError(t, err)
	return newArea(t.Context(), src, &o, o.Height/8, o.Width/8)
}

// diffusers made of mask.png the mask channel of the U-Net's input.
func TestMaskAsDiffusers(t *testing.T) {
	mask := readPNG(t, "testdata/mask.png")
	got, err := areaOf(t, mask, Options{Width: 64, Height: 64, MaskCells: MaskCellsSample})
	require.NoError(t, err)
	for i, v := range got.gray {
		require.Equal(t, mask.(*image.Gray).Pix[i] == 255, v == 255)
	}
	var golden struct {
		LatentMask []float32 `json:"latent_mask"`
	}
	data, err := os.ReadFile("testdata/inpaint9_mask.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &golden))
	assert.Equal(t, golden.LatentMask, got.cells)
}

// box is a black mask with a white rectangle.
func box(w, h int, r image.Rectangle) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.SetGray(x, y, color.Gray{255})
		}
	}
	return m
}

func TestMaskCells(t *testing.T) {
	tests := []struct {
		name        string
		box         image.Rectangle
		any, sample []float32 // of 3×2 cells; nil for ErrEmptyMask
	}{
		{"a pixel", image.Rect(12, 5, 13, 6), []float32{0, 1, 0, 0, 0, 0}, nil},
		{"the sampled pixel", image.Rect(8, 0, 9, 1), []float32{0, 1, 0, 0, 0, 0}, []float32{0, 1, 0, 0, 0, 0}},
		{"a line between the samples", image.Rect(10, 0, 13, 16), []float32{0, 1, 0, 0, 1, 0}, nil},
		{"the last pixel", image.Rect(23, 15, 24, 16), []float32{0, 0, 0, 0, 0, 1}, nil},
		{"whole cells", image.Rect(0, 0, 16, 8), []float32{1, 1, 0, 0, 0, 0}, []float32{1, 1, 0, 0, 0, 0}},
		{"across an edge", image.Rect(7, 7, 10, 9), []float32{1, 1, 0, 1, 1, 0}, []float32{0, 0, 0, 0, 1, 0}},
		{"none", image.Rectangle{}, nil, nil},
	}
	for _, tt := range tests {
		for choice, want := range map[MaskCells][]float32{MaskCellsAny: tt.any, MaskCellsSample: tt.sample} {
			got, err := areaOf(t, box(24, 16, tt.box), Options{Width: 24, Height: 16, MaskCells: choice})
			if want == nil {
				assert.ErrorIs(t, err, ErrEmptyMask, "%s, %v", tt.name, choice)
				continue
			}
			require.NoError(t, err, "%s, %v", tt.name, choice)
			assert.Equal(t, want, got.cells, "%s, %v", tt.name, choice)
		}
	}
	_, err := areaOf(t, box(24, 16, image.Rect(9, 9, 12, 12)), Options{Width: 24, Height: 16, MaskCells: MaskCellsSample})
	assert.EqualError(t, err, "diffusion: mask: have no pixel to repaint: MaskCellsSample looks at one in 64 and sees none of the 9 to repaint")
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
		src, err := newSource("mask", mask)
		require.NoError(t, err)
		got, err := readMask(t.Context(), src, mode, 6, 1)
		require.NoError(t, err)
		a := &area{gray: got, width: 6}
		for x, v := range want {
			assert.Equal(t, v == 1, a.painted(x, 0), "%v, pixel %d", mode, x)
		}
	}
}

func TestEmptyMask(t *testing.T) {
	for mode, tt := range map[MaskMode]struct {
		mask image.Image
		want string
	}{
		MaskLuminance: {fill(9, 9, color.NRGBA{127, 127, 127, 0}), "luminance up to 127, want 128 or more somewhere"},
		MaskAlpha:     {fill(9, 9, color.NRGBA{255, 255, 255, 200}), "alpha from 200, want up to 127 somewhere"},
	} {
		_, err := areaOf(t, tt.mask, Options{Mask: mode, Width: 16, Height: 8})
		assert.ErrorIs(t, err, ErrEmptyMask, "%v", mode)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestMaskSettings(t *testing.T) {
	assert.NoError(t, (&Options{Mask: MaskAlpha, MaskCells: MaskCellsSample}).checkMask())
	assert.EqualError(t, (&Options{Mask: 7}).checkMask(), "diffusion: mask: have mode 7, want MaskLuminance or MaskAlpha")
	assert.EqualError(t, (&Options{MaskCells: -1}).checkMask(), "diffusion: mask cells: have -1, want MaskCellsAny, MaskCellsSample or MaskCellsSoft")
	assert.Equal(t, []string{"luminance", "alpha", "MaskMode(7)"},
		[]string{MaskLuminance.String(), MaskAlpha.String(), MaskMode(7).String()})
	assert.Equal(t, []string{"any", "sample", "MaskCells(7)"},
		[]string{MaskCellsAny.String(), MaskCellsSample.String(), MaskCells(7).String()})
}

// An inpainting model sees nothing of the cells that it is told to repaint, or with
// MaskCellsSample nothing of the mask's pixels.
func TestHide(t *testing.T) {
	x := make([]float32, 3*16*16)
	for i := range x {
		x[i] = 1
	}
	hole := image.Rect(6, 8, 9, 16) // in the lower cells, across their edge
	for choice, hidden := range map[MaskCells]image.Rectangle{
		MaskCellsAny:    image.Rect(0, 8, 16, 16),
		MaskCellsSample: hole,
	} {
		a, err := areaOf(t, box(16, 16, hole), Options{Width: 16, Height: 16, MaskCells: choice})
		require.NoError(t, err)
		got, err := a.hide(t.Context(), x)
		require.NoError(t, err)
		for i, v := range got {
			require.Equal(t, image.Pt(i%16, i/16%16).In(hidden), v == 0, "%v, value %d", choice, i)
		}
	}
}
