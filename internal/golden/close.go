package golden

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// Close fails the test unless got has the values of want, each within tol
// times the largest magnitude in want. It reports the largest error with its
// index and both values, and returns that error relative to the same magnitude.
// A NaN or an infinity in either is an error. Label says what was compared.
func Close(t testing.TB, want, got []float32, tol float64, label string) float64 {
	t.Helper()
	relative, err := compare(want, got, tol)
	if err != nil {
		t.Errorf("%s: %v", label, err)
	}
	return relative
}

// compare returns the largest error relative to the largest magnitude in want.
func compare(want, got []float32, tol float64) (float64, error) {
	if len(got) != len(want) {
		return math.NaN(), fmt.Errorf("have %d values, want %d", len(got), len(want))
	}
	if len(want) == 0 {
		return math.NaN(), errors.New("have nothing to compare")
	}
	var scale, worst float64
	at := -1
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		diff := math.Abs(g - w)
		if math.IsNaN(diff) || math.IsInf(diff, 0) {
			return math.Inf(1), fmt.Errorf("[%d]: have %v, want %v", i, got[i], want[i])
		}
		scale = max(scale, math.Abs(w))
		if diff > worst {
			worst, at = diff, i
		}
	}
	if at < 0 {
		return 0, nil
	}
	relative := worst / scale // +Inf if want is all zero
	if !(relative <= tol) {
		return relative, fmt.Errorf("[%d]: have %v, want %v: error %.3g is %.3g of the largest value %.6g, limit %.3g",
			at, got[at], want[at], worst, relative, scale, tol)
	}
	return relative, nil
}

// ChannelsFirst returns x, channels-last with shape [N H W C], in the order of
// the reference, [N C H W].
func ChannelsFirst(x []float32, shape []int) []float32 {
	n, pixels, c := shape[0], shape[1]*shape[2], shape[3]
	out := make([]float32, len(x))
	for i := range n {
		for p := range pixels {
			for ch := range c {
				out[(i*c+ch)*pixels+p] = x[(i*pixels+p)*c+ch]
			}
		}
	}
	return out
}

// PSNR is the peak signal-to-noise ratio in dB of the pixels, in RGBA, of two opaque
// pictures.
func PSNR(a, b []byte) float64 {
	var sum float64
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255/(sum/float64(len(a)*3/4)))
}
