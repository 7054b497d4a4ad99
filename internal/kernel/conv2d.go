package kernel

// ConvShape describes a two-dimensional convolution of [N H W InC] to
// [N OutH OutW OutC]. What lies outside the input is zero, on all four sides
// as far as OutH and OutW reach, or the input's other side.
type ConvShape struct {
	N, H, W, InC int
	// UpH, UpW, if not zero, enlarge the input to this size by nearest
	// neighbour first: source row = row*H/UpH. It is never stored.
	UpH, UpW             int
	OutC, KH, KW, Stride int
	PadTop, PadLeft      int
	OutH, OutW           int
	WrapY, WrapX         bool // the input goes on with its other side, above and below or left and right
}

// Conv2D is the convolution of x with the weights w of [PackConv], without the
// matrix of patches: the product reads each tap of a pixel where it lies in x.
// Residual and PerSample of the epilogue see pixels as rows.
func Conv2D(out, x []float32, s ConvShape, w Packed, ep Epilogue) []Phase {
	s.check("conv2d", x, w)
	if s.Pointwise() {
		return []Phase{Gemm(out, x, s.N*s.H*s.W, w, ep)}
	}
	ys, xs := s.padded()
	find := &tapFinder{ConvShape: s, ys: ys, xs: xs, image: s.H * s.W * s.InC}
	return []Phase{newProduct(product{
		out: out, a: x, m: s.N * s.OutH * s.OutW, w: w, ep: ep,
		taps: s.KH * s.KW, locate: find.locate,
	})}
}

// check panics unless the convolution is one of x with the weights.
func (s ConvShape) check(what string, x []float32, w Packed) {
	switch {
	case s.Stride < 1 || s.KH < 1 || s.KW < 1:
		panic("kernel: " + what + ": filter and stride must be at least 1")
	case len(x) < s.N*s.H*s.W*s.InC:
		panic("kernel: " + what + ": short input")
	case w.K != s.KH*s.KW*s.InC || w.N != s.OutC:
		panic("kernel: " + what + ": weights of another shape")
	}
}

// Pointwise says whether the convolution is a linear layer on each pixel.
func (s ConvShape) Pointwise() bool {
	return s.KH == 1 && s.KW == 1 && s.Stride == 1 && s.PadTop == 0 && s.PadLeft == 0 &&
		s.UpH == 0 && s.UpW == 0 && s.OutH == s.H && s.OutW == s.W
}

// tapFinder finds the taps of output pixels.
type tapFinder struct {
	ConvShape
	ys, xs []int32 // where the rows of the padded input are, and the columns of a row, or -1
	image  int     // from an image to the next
}

// locate writes the offsets [taps][12] of up to 12 pixels, -1 in the padding.
func (f *tapFinder) locate(offsets []int32, row, rows int) {
	ox, oy, n := row%f.OutW, row/f.OutW%f.OutH, row/(f.OutW*f.OutH)
	for r := range rows {
		at := r
		for _, y := range f.ys[oy*f.Stride:][:f.KH] {
			for _, x := range f.xs[ox*f.Stride:][:f.KW] {
				offsets[at] = -1
				if y >= 0 && x >= 0 {
					offsets[at] = int32(n*f.image) + y + x
				}
				at += tileRows
			}
		}
		if ox++; ox == f.OutW {
			ox = 0
			if oy++; oy == f.OutH {
				oy, n = 0, n+1
			}
		}
	}
}

// padded is sources of all that the output needs.
func (s ConvShape) padded() (ys, xs []int32) {
	return s.sources((s.OutH-1)*s.Stride+s.KH, (s.OutW-1)*s.Stride+s.KW)
}

// sources lists, for each of so many rows and columns of the padded input, the offset of
// the input's row or column there, or -1 in the padding and beyond what the output needs.
func (s ConvShape) sources(rows, columns int) (ys, xs []int32) {
	wrapY, wrapX := 0, 0
	if s.WrapY {
		wrapY = (s.OutH-1)*s.Stride + s.KH
	}
	if s.WrapX {
		wrapX = (s.OutW-1)*s.Stride + s.KW
	}
	return sources(rows, wrapY, s.PadTop, s.H, s.UpH, s.W*s.InC), sources(columns, wrapX, s.PadLeft, s.W, s.UpW, s.InC)
}

// sources lists n of them; of the first wrap what lies in the padding is on the other side.
func sources(n, wrap, pad, size, up, stride int) []int32 {
	if up == 0 {
		up = size
	}
	list := make([]int32, n)
	for i := range list {
		list[i] = -1
		at := i - pad
		if i < wrap {
			at = wrapped(at, up)
		}
		if at >= 0 && at < up {
			list[i] = int32(at * size / up * stride)
		}
	}
	return list
}

// wrapped is the place among n that a place before or behind them stands for.
func wrapped(at, n int) int { return (at%n + n) % n }
