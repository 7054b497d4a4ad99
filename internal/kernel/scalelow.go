package kernel

import "math"

// Images is the shape of images [N H W C].
type Images struct{ N, H, W, C int }

const (
	lowWidth = 16 // channels that one task of [ScaleLow] filters
	lowBasis = 7  // waves that make up the lowest frequencies
)

// ScaleLow multiplies the lowest frequencies of x [N H W C] by a factor: of the discrete
// Fourier transform of a channel those that have no or minus one period from side to
// side, in both directions. Out is the real part and may be x.
//
// The four are few enough to be summed as they are defined. A pair (k, l) of them adds
// (factor−1)/HW · Σ x'·cos(φ−φ'), φ being 2π(k·row/H + l·column/W), which is
// cos φ · Σ x'·cos φ' + sin φ · Σ x'·sin φ'. The sums are in float64.
func ScaleLow(out, x []float32, s Images, factor float64) Phase {
	need("scale low", "out", out, s.N*s.H*s.W*s.C)
	need("scale low", "x", x, s.N*s.H*s.W*s.C)
	parts := ceilDiv(s.C, lowWidth)
	w := newWaves(s.H, s.W)
	return Phase{Tasks: s.N * parts, Run: func(task int, _ []float32) {
		first := task % parts * lowWidth
		width := min(lowWidth, s.C-first)
		at := task/parts*s.H*s.W*s.C + first
		var sums [lowBasis][lowWidth]float64
		for p := range s.H * s.W {
			basis := w.at(p/s.W, p%s.W)
			for i, v := range x[at+p*s.C:][:width] {
				for k, b := range basis {
					sums[k][i] += float64(b * float64(v))
				}
			}
		}
		share := (factor - 1) / float64(s.H*s.W)
		for p := range s.H * s.W {
			basis, row := w.at(p/s.W, p%s.W), out[at+p*s.C:][:width]
			for i, v := range x[at+p*s.C:][:width] {
				low := 0.0
				for k, b := range basis {
					low += float64(b * sums[k][i])
				}
				row[i] = float32(float64(v) + float64(share*low))
			}
		}
	}}
}

// waves are the cosines and sines of one period from side to side, in each direction. A
// side of one pixel has none.
type waves struct{ rows, columns []wave }

type wave struct{ cos, sin float64 }

func newWaves(h, w int) waves { return waves{wavesOf(h), wavesOf(w)} }

func wavesOf(n int) []wave {
	list := make([]wave, n)
	for i := range list {
		if n > 1 {
			list[i].sin, list[i].cos = math.Sincos(2 * math.Pi * float64(i) / float64(n))
		}
	}
	return list
}

// at returns what the waves are at a pixel: the constant one, those from top to bottom,
// from left to right, and both.
func (w *waves) at(row, column int) [lowBasis]float64 {
	a, b := w.rows[row], w.columns[column]
	return [lowBasis]float64{
		1, a.cos, a.sin, b.cos, b.sin,
		float64(a.cos*b.cos) - float64(a.sin*b.sin), float64(a.sin*b.cos) + float64(a.cos*b.sin),
	}
}
