package kernel

// A Winograd convolution F(4×4, 3×3): a tile of 4×4 outputs takes 36
// multiplications a channel instead of 144. With the 6×6 patch d under it and
// the kernel g,
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

// WinogradWeights is a transformed 3×3 kernel: Data is
// [36][ceil(Out/32)][In][32], four times the size of the kernel.
type WinogradWeights struct {
	In, Out int
	Data    []float32
}

// WinogradLen is the number of float32s of a transformed kernel.
func WinogradLen(out, in int) int { return winPoints * PackedLen(in, out) }

// PackWinograd transforms [Out In 3 3] into dst of WinogradLen(out, in)
// float32s. It computes in float64.
func PackWinograd(dst, w []float32, out, in int) WinogradWeights {
	if len(w) < out*in*9 {
		panic("kernel: winograd: short weight")
	}
	if len(dst) < WinogradLen(out, in) {
		panic("kernel: winograd: short destination")
	}
	dst = dst[:WinogradLen(out, in)]
	point := PackedLen(in, out)
	var u [winPoints]float64
	for first := 0; first < out; first += panel {
		cols := min(panel, out-first)
		for i := range in {
			at := (first/panel*in + i) * panel
			for j := range cols {
				transformKernel(&u, w[((first+j)*in+i)*9:][:9])
				for p, v := range u {
					dst[p*point+at+j] = float32(v)
				}
			}
			for p := range winPoints {
				clear(dst[p*point+at+cols:][:panel-cols])
			}
		}
	}
	return WinogradWeights{In: in, Out: out, Data: dst}
}

// transformKernel is u = G g Gᵀ.
func transformKernel(u *[winPoints]float64, g []float32) {
	var half [3][winPatch]float64
	for i := range 3 {
		winKernel(half[i][:], float64(g[i]), float64(g[3+i]), float64(g[6+i]))
	}
	for y := range winPatch {
		winKernel(u[y*winPatch:][:winPatch], half[0][y], half[1][y], half[2][y])
	}
}

// winKernel is a row of G g. A row of G is (1, p, p²) over the product of the
// distances of the point p to the other finite ones.
func winKernel(u []float64, g0, g1, g2 float64) {
	const (
		scale0 = 1 / winProduct
		scaleA = 1 / (2 * winA2 * (winA2 - winB2))
		scaleB = 1 / (2 * winB2 * (winB2 - winA2))
	)
	evenA, oddA := g0+float64(winA2*g2), float64(winA*g1)
	evenB, oddB := g0+float64(winB2*g2), float64(winB*g1)
	_ = u[5]
	u[0] = g0 * scale0
	u[1], u[2] = (evenA+oddA)*scaleA, (evenA-oddA)*scaleA
	u[3], u[4] = (evenB+oddB)*scaleB, (evenB-oddB)*scaleB
	u[5] = g2
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
