package preprocess

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file reads a picture of testdata, of which testdata/gen.py says what made it.
func file(t testing.TB, name string) image.Image {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".png"))
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	return img
}

// assertSame wants the colors of two pictures to be the same.
func assertSame(t *testing.T, want, have image.Image, name string) {
	t.Helper()
	require.Equal(t, want.Bounds(), have.Bounds(), name)
	differ := 0
	b := want.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if color.NRGBAModel.Convert(want.At(x, y)) != color.NRGBAModel.Convert(have.At(x, y)) {
				differ++
			}
		}
	}
	assert.Zero(t, differ, "%s: pixels that differ", name)
}

// Edges are those of OpenCV.
func TestCanny(t *testing.T) {
	for name, tt := range map[string]struct {
		from string
		o    *CannyOptions
	}{
		"canny":      {"input", nil},
		"canny_gray": {"gray", nil},
		"canny_low":  {"input", &CannyOptions{Low: 200, High: 30}},
		"canny_l2":   {"input", &CannyOptions{Low: 60.5, High: 120.5, L2: true}},
		"canny_5":    {"gray", &CannyOptions{Low: 800, High: 1500, Aperture: 5}},
		"canny_5_l2": {"input", &CannyOptions{Low: 800, High: 1500, Aperture: 5, L2: true}},
	} {
		have, err := Canny(file(t, tt.from), tt.o)
		require.NoError(t, err)
		assertSame(t, file(t, name), have, name)
		assert.Contains(t, have.Pix, uint8(255), name)
	}
	flat, err := Canny(image.NewGray(image.Rect(0, 0, 1, 1)), nil)
	require.NoError(t, err)
	assert.Equal(t, []uint8{0}, flat.Pix)
	for _, tt := range []struct {
		o    CannyOptions
		want string
	}{
		{CannyOptions{Aperture: 7}, "preprocess: canny: have an aperture of 7, want 3 or 5"},
		{CannyOptions{Low: -1}, "preprocess: canny: have thresholds -1 and 0, want positive numbers"},
		{CannyOptions{High: math.NaN()}, "preprocess: canny: have thresholds 0 and NaN, want positive numbers"},
	} {
		_, err := Canny(file(t, "gray"), &tt.o)
		assert.EqualError(t, err, tt.want)
	}
}

// Blurred, coarse and gridded pictures are those of Pillow.
func TestPillow(t *testing.T) {
	same := func(name, from string, make func(image.Image) (*image.NRGBA, error)) {
		have, err := make(file(t, from))
		require.NoError(t, err)
		assertSame(t, file(t, name), have, name)
	}
	for _, radius := range []float64{0.3, 1, 2.5, 7, 40} {
		same(fmt.Sprint("blur_", radius), "input", func(img image.Image) (*image.NRGBA, error) { return Blur(img, radius) })
	}
	same("blur_gray_2", "gray", func(img image.Image) (*image.NRGBA, error) { return Blur(img, 2) })
	for _, factor := range []int{2, 3, 7, 50} {
		same(fmt.Sprint("tile_", factor), "input", func(img image.Image) (*image.NRGBA, error) { return Tile(img, factor) })
	}
	for _, cell := range []int{4, 9, 64} {
		same(fmt.Sprint("grid_", cell), "input", func(img image.Image) (*image.NRGBA, error) { return ColorGrid(img, cell) })
	}
	same("input", "input", func(img image.Image) (*image.NRGBA, error) { return Tile(img, 1) })
	same("input", "input", func(img image.Image) (*image.NRGBA, error) { return Blur(img, 0) })
}

func TestScribble(t *testing.T) {
	sheet := image.NewNRGBA(image.Rect(3, 3, 6, 4))
	sheet.Set(3, 3, color.NRGBA{255, 126, 255, 255})
	sheet.Set(4, 3, color.NRGBA{127, 127, 127, 255})
	sheet.Set(5, 3, color.NRGBA{0, 0, 0, 0})
	lines, err := Scribble(sheet)
	require.NoError(t, err)
	assert.Equal(t, []uint8{255, 0, 255}, lines.Pix)
}

func TestOutline(t *testing.T) {
	mask := image.NewGray(image.Rect(0, 0, 7, 7))
	for y := 2; y < 7; y++ { // down to the edge of the picture
		for x := 2; x < 5; x++ {
			mask.SetGray(x, y, color.Gray{200})
		}
	}
	for width, want := range map[int][]string{
		1: {"       ", " ##### ", " #   # ", " #   # ", " #   # ", " #   # ", " #   # "},
		2: {"       ", " ##### ", " ##### ", " ## ## ", " ## ## ", " ## ## ", " ## ## "},
	} {
		lines, err := Outline(mask, width)
		require.NoError(t, err)
		for y, row := range want {
			for x, c := range row {
				assert.Equal(t, c == '#', lines.GrayAt(x, y).Y == 255, "width %d at %d, %d", width, x, y)
			}
		}
	}
}

// broken is a picture that claims what it does not have.
type broken struct{ image.Image }

func (broken) Bounds() image.Rectangle { return image.Rect(0, 0, 4, 4) }

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		img  image.Image
		want string
	}{
		{nil, "preprocess: have no image"},
		{(*image.Gray)(nil), "preprocess: have a nil *image.Gray"},
		{image.NewGray(image.Rect(0, 0, 0, 5)), "preprocess: have an empty image, bounds (0,0)-(0,5)"},
		{broken{}, "preprocess: a preprocess.broken panicked: runtime error: invalid memory address or nil pointer dereference"},
		{&image.Gray{Stride: 4, Rect: image.Rect(0, 0, 4, 4)}, "preprocess: a *image.Gray panicked: runtime error: slice bounds out of range [:4] with capacity 0"},
		{image.NewUniform(color.Black), "preprocess: have bounds (-1000000000,-1000000000)-(1000000000,1000000000), want sides up to 32768 pixels, and 67108864 pixels in all"},
	} {
		for name, err := range map[string]error{
			"canny": second(Canny(tt.img, nil)), "blur": second(Blur(tt.img, 1)), "tile": second(Tile(tt.img, 2)),
			"grid": second(ColorGrid(tt.img, 2)), "scribble": second(Scribble(tt.img)), "outline": second(Outline(tt.img, 1)),
		} {
			assert.EqualError(t, err, tt.want, name)
		}
	}
	img := image.NewGray(image.Rect(0, 0, 1, 1))
	assert.EqualError(t, second(Blur(img, -1)), "preprocess: blur: have a radius of -1 pixels, want 0 to 16384")
	assert.EqualError(t, second(Tile(img, 0)), "preprocess: tile: have a factor of 0, want 1 to 4096")
	assert.EqualError(t, second(ColorGrid(img, 0)), "preprocess: color grid: have cells of 0 pixels, want 1 to 32768")
	assert.EqualError(t, second(Outline(img, 0)), "preprocess: outline: have a width of 0 pixels, want 1 to 32768")
}

func second[T any](_ T, err error) error { return err }
