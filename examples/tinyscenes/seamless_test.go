package tinyscenes_test

import (
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/unet"
)

// tilePrompt is that of seamless.png.
const tilePrompt = "a green tree on a green hill with clouds"

// seams is how much the pixels on both sides of the border differ, left and right of it and
// above and below, as a share of how much neighbours do in the three lines before and after.
func seams(img *image.NRGBA) (x, y float64) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	diff := func(x0, y0, x1, y1 int) (sum float64) {
		a, b := img.Pix[img.PixOffset(x0, y0):], img.Pix[img.PixOffset(x1, y1):]
		for c := range 3 {
			sum += math.Abs(float64(a[c]) - float64(b[c]))
		}
		return sum
	}
	columns, rows := make([]float64, w), make([]float64, h) // differences to the next one
	for i := range w {
		for j := range h {
			columns[i] += diff(i, j, (i+1)%w, j) / float64(h)
			rows[j] += diff(i, j, i, (j+1)%h) / float64(w)
		}
	}
	return last(columns), last(rows)
}

// last is the last number as a share of the mean of three on each side of it, in a ring.
func last(x []float64) float64 {
	near := x[len(x)-4] + x[len(x)-3] + x[len(x)-2] + x[0] + x[1] + x[2]
	return 6 * x[len(x)-1] / near
}

// A seamless picture goes on beyond its border as it does inside, where 95 lines of 100 are
// below 2; one that is not does not.
func TestSeamless(t *testing.T) {
	const seamless, visible = 2, 8
	pipe := plain(t)
	for _, tt := range []struct {
		around unet.Seamless
		x, y   bool // there is a seam
	}{
		{unet.Seamless{}, true, true}, {unet.Seamless{X: true}, false, true}, {unet.Seamless{X: true, Y: true}, false, false},
	} {
		o := recommended()
		o.Steps, o.Seamless = 10, tt.around
		r, err := pipe.TextToImage(t.Context(), tilePrompt, o)
		require.NoError(t, err)
		x, y := seams(r.Images[0])
		t.Logf("%+v: %.2f and %.2f of what is inside", tt.around, x, y)
		for _, side := range []struct {
			have bool
			seam float64
		}{{tt.x, x}, {tt.y, y}} {
			if side.have {
				assert.Greater(t, side.seam, float64(visible), tt.around)
			} else {
				assert.Less(t, side.seam, float64(seamless), tt.around)
			}
		}
	}
}
