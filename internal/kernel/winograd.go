package kernel

import "unsafe"

// A Winograd convolution F(4×4, 3×3): a tile of 4×4 outputs takes 36
// multiplications a channel instead of 144. With the 6×6 patch d under it and
// the filter g,
//
//	Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//
// and the products ⊙, summed over the channels, are 36 matrix products.
//
// The polynomials are evaluated at 0, ±3/4, ±3/2 and ∞ rather than at the
// usual 0, ±1, ±2 and ∞, which halves the rounding error. All constants of A
// and B are exact in float32.
//
// Lavin and Gray (2016), "Fast algorithms for convolutional neural networks".
// https://arxiv.org/abs/1509.09308
const (
	winTile   = 4           // outputs of a tile in each direction
	winPatch  = winTile + 2 // inputs under it
	winPoints = winPatch * winPatch

	winA  = 3.0 / 4 // the points
	winB  = 3.0 / 2
	winA2 = winA * winA
	winB2 = winB * winB
	winA3 = winA2 * winA
	winB3 = winB2 * winB

	winSum     = winA2 + winB2
	winProduct = winA2 * winB2
)

// weights is one call of the transform of 3×3 filters: for some input channels
// of a panel, dst[point][channel][32] = G g Gᵀ of the nine taps g.
//
// It is done anew in every run: a vector of weights takes some 50 cycles, and the
// products with it 18 for each tile, so that it costs a few percent and no
// memory, which four times the size of every filter would.
type weights struct {
	src      unsafe.Pointer // [9][tap] weights of the layer's format, of which channels*32 are read
	dst      []float32      // [36][stride], of which channels*32 are written
	tap      int            // weights from one tap to the next
	stride   int
	channels int
}

func weightsGeneric(w *weights, format Format) {
	n := w.channels * panel
	var taps [9]float32
	for i := range n {
		for t := range taps {
			taps[t] = format.at(w.src, t*w.tap+i)
		}
		var half [3][winPatch]float32
		for x := range half {
			half[x] = winFilter(taps[x], taps[3+x], taps[6+x])
		}
		for y := range winPatch {
			for x, v := range winFilter(half[0][y], half[1][y], half[2][y]) {
				w.dst[(y*winPatch+x)*w.stride+i] = v
			}
		}
	}
}

// The rows of G are (1, p, p²) over the product of the distances of the point p to
// the other finite ones.
const (
	winScale0 = 1 / winProduct
	winScaleA = 1 / (2 * winA2 * (winA2 - winB2))
	winScaleB = 1 / (2 * winB2 * (winB2 - winA2))
)

// winFilter is a row of G g.
func winFilter(g0, g1, g2 float32) [winPatch]float32 {
	evenA := fma32(winScaleA*winA2, g2, float32(winScaleA*g0))
	evenB := fma32(winScaleB*winB2, g2, float32(winScaleB*g0))
	return [winPatch]float32{
		winScale0 * g0,
		fma32(winScaleA*winA, g1, evenA), fma32(-winScaleA*winA, g1, evenA),
		fma32(winScaleB*winB, g1, evenB), fma32(-winScaleB*winB, g1, evenB),
		g2,
	}
}

// winInput is a row of Bᵀ d.
func winInput(d *[winPatch]float32) [winPatch]float32 {
	u, q := fma32(-winB2, d[2], d[4]), fma32(-winB2, d[1], d[3])
	w, r := fma32(-winA2, d[2], d[4]), fma32(-winA2, d[1], d[3])
	return [winPatch]float32{
		fma32(-winSum, d[2], fma32(winProduct, d[0], d[4])),
		fma32(winA, q, u), fma32(-winA, q, u),
		fma32(winB, r, w), fma32(-winB, r, w),
		fma32(-winSum, d[3], fma32(winProduct, d[1], d[5])),
	}
}

// winOutput is a row of Aᵀ m.
func winOutput(m *[winPatch]float32) [winTile]float32 {
	s1, d1 := m[1]+m[2], m[1]-m[2]
	s2, d2 := m[3]+m[4], m[3]-m[4]
	return [winTile]float32{
		m[0] + s1 + s2,
		fma32(winB, d2, float32(winA*d1)),
		fma32(winB2, s2, float32(winA2*s1)),
		fma32(winB3, d2, fma32(winA3, d1, m[5])),
	}
}

// patch is one call of the input transform: dst[point][channel] of the pixels
// at 36 offsets.
type patch struct {
	x        []float32
	zero     []float32 // [channels], the pixel at offset -1
	offsets  []int32   // [36]
	dst      []float32 // [36][stride], of which channels are written
	temp     []float32 // [36][16]
	stride   int
	channels int // a multiple of 16
}

func patchGeneric(p *patch) {
	for c := range p.channels {
		var half [winPatch][winPatch]float32 // by column
		for x := range winPatch {
			var d [winPatch]float32
			for y := range d {
				if at := p.offsets[y*winPatch+x]; at >= 0 {
					d[y] = p.x[int(at)+c]
				} else {
					d[y] = p.zero[c]
				}
			}
			half[x] = winInput(&d)
		}
		for y := range winPatch {
			var d [winPatch]float32
			for x := range d {
				d[x] = half[x][y]
			}
			for x, v := range winInput(&d) {
				p.dst[(y*winPatch+x)*p.stride+c] = v
			}
		}
	}
}

// unpatch is one call of the output transform, of one tile and 32 channels.
type unpatch struct {
	src    []float32 // [36][stride], of which 32 are read
	dst    []float32 // 4 rows of 4 pixels [32]
	temp   []float32 // [36][16]
	stride int
	row    int // float32s from one row of pixels to the next
}

func unpatchGeneric(p *unpatch) {
	for c := range panel {
		var half [winPatch][winTile]float32 // by column
		for x := range winPatch {
			var m [winPatch]float32
			for y := range m {
				m[y] = p.src[(y*winPatch+x)*p.stride+c]
			}
			half[x] = winOutput(&m)
		}
		for y := range winTile {
			var m [winPatch]float32
			for x := range m {
				m[x] = half[x][y]
			}
			for x, v := range winOutput(&m) {
				p.dst[y*p.row+x*panel+c] = v
			}
		}
	}
}
