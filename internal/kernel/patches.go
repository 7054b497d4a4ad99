package kernel

// Patches lists what each output pixel of a convolution sees of x [N H W InC]: out
// [N·OutH·OutW KH·KW·InC], with zeros outside of x, or what is there if x goes on with its other side.
func Patches(out, x []float32, s ConvShape) Phase {
	taps := s.KH * s.KW
	rows, width := s.N*s.OutH*s.OutW, taps*s.InC
	need("patches", "out", out, rows*width)
	need("patches", "x", x, s.N*s.H*s.W*s.InC)
	return splitRows(rows, width, func(from, to int) {
		for r := from; r < to; r++ {
			for tap := range taps {
				dst := out[r*width+tap*s.InC:][:s.InC]
				if at := s.source(r, tap); at < 0 {
					clear(dst)
				} else {
					copy(dst, x[at:])
				}
			}
		}
	})
}

// source is where output pixel r finds a tap in x, or -1 outside of it.
func (s *ConvShape) source(r, tap int) int {
	ox, oy, n := r%s.OutW, r/s.OutW%s.OutH, r/(s.OutW*s.OutH)
	y, x := oy*s.Stride-s.PadTop+tap/s.KW, ox*s.Stride-s.PadLeft+tap%s.KW
	if s.WrapY {
		y = wrapped(y, s.H)
	}
	if s.WrapX {
		x = wrapped(x, s.W)
	}
	if y < 0 || y >= s.H || x < 0 || x >= s.W {
		return -1
	}
	return ((n*s.H+y)*s.W + x) * s.InC
}

// Fold is the adjoint of [Patches]: it adds each patch to where it was seen, x
// [N·OutH·OutW KH·KW·InC] to out [N H W InC].
func Fold(out, x []float32, s ConvShape) Phase {
	taps := s.KH * s.KW
	width := taps * s.InC
	need("fold", "out", out, s.N*s.H*s.W*s.InC)
	need("fold", "x", x, s.N*s.OutH*s.OutW*width)
	image := s.H * s.W * s.InC
	return splitRows(s.N, image*taps, func(from, to int) {
		clear(out[from*image : to*image])
		for r := from * s.OutH * s.OutW; r < to*s.OutH*s.OutW; r++ {
			for tap := range taps {
				if at := s.source(r, tap); at >= 0 {
					dst := out[at:][:s.InC]
					addRow(dst, dst, x[r*width+tap*s.InC:])
				}
			}
		}
	})
}
