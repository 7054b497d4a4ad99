package kernel

// panel is the number of columns of a weight matrix that lie together.
const panel = 32

// Packed is a weight matrix B [K N] in panels of 32 columns: Data is
// [ceil(N/32)][K][32], zero padded. The kernels are a little faster if Data
// starts at a multiple of 64 bytes.
type Packed struct {
	K, N int
	Data []float32
}

// PackedLen is the number of float32s of a packed [K N] matrix.
func PackedLen(k, n int) int { return ceilDiv(n, panel) * k * panel }

// PackLinear packs a row-major [N K] matrix, as a checkpoint holds a linear
// layer's weight [out in], into dst of PackedLen(k, n) float32s.
func PackLinear(dst, w []float32, n, k int) Packed {
	return PackConv(dst, w, n, k, 1, 1)
}

// PackConv packs a convolution's weight [Out In KH KW] into dst of
// PackedLen(in*kh*kw, out) float32s. Its K runs over ky, kx and the input
// channels, which are innermost.
func PackConv(dst, w []float32, out, in, kh, kw int) Packed {
	taps := kh * kw
	k := taps * in
	if len(w) < out*k {
		panic("kernel: pack: short weight")
	}
	if len(dst) < PackedLen(k, out) {
		panic("kernel: pack: short destination")
	}
	dst = dst[:PackedLen(k, out)]
	for first := 0; first < out; first += panel {
		cols := min(panel, out-first)
		block := dst[first*k:][:k*panel]
		for tap := range taps {
			for i := range in {
				row := block[(tap*in+i)*panel:][:panel]
				src := w[first*k+i*taps+tap:]
				for j := range cols {
					row[j] = src[j*k]
				}
				clear(row[cols:])
			}
		}
	}
	return Packed{K: k, N: out, Data: dst}
}

// column returns the panel that starts at column 32*p.
func (w Packed) column(p int) []float32 { return w.Data[p*w.K*panel:][:w.K*panel] }

func ceilDiv(a, b int) int { return (a + b - 1) / b }
