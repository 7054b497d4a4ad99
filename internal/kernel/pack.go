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
	var transposed []float32 // one panel [in taps 32]
	if taps > 1 {
		transposed = make([]float32, k*panel)
	}
	for first := 0; first < out; first += panel {
		block := dst[first*k:][:k*panel]
		cols := min(panel, out-first)
		if taps == 1 {
			transposePanel(block, w[first*k:], k, cols, k)
			continue
		}
		transposePanel(transposed, w[first*k:], k, cols, k)
		for i := range in {
			for tap := range taps {
				copy(block[(tap*in+i)*panel:][:panel], transposed[(i*taps+tap)*panel:])
			}
		}
	}
	return Packed{K: k, N: out, Data: dst}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
