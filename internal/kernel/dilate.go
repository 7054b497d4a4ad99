package kernel

// Dilate spreads the pixels of x [n h w c] with zeros between them: pixel (y, x) goes
// to (y·stride, x·stride) of out [n (h−1)·stride+1 (w−1)·stride+1 c].
func Dilate(out, x []float32, n, h, w, c, stride int) Phase {
	outH, outW := (h-1)*stride+1, (w-1)*stride+1
	need("dilate", "out", out, n*outH*outW*c)
	need("dilate", "x", x, n*h*w*c)
	return splitRows(n*outH, outW*c, func(from, to int) {
		for r := from; r < to; r++ {
			row := out[r*outW*c:][:outW*c]
			clear(row)
			y := r % outH
			if y%stride != 0 {
				continue
			}
			src := x[(r/outH*h+y/stride)*w*c:][:w*c]
			for i := range w {
				copy(row[i*stride*c:][:c], src[i*c:])
			}
		}
	})
}

// Subsample is the adjoint of [Dilate]: it takes every stride-th pixel of x
// [n (h−1)·stride+1 (w−1)·stride+1 c] to out [n h w c].
func Subsample(out, x []float32, n, h, w, c, stride int) Phase {
	inH, inW := (h-1)*stride+1, (w-1)*stride+1
	need("subsample", "out", out, n*h*w*c)
	need("subsample", "x", x, n*inH*inW*c)
	return splitRows(n*h, w*c, func(from, to int) {
		for r := from; r < to; r++ {
			src := x[(r/h*inH+r%h*stride)*inW*c:][:inW*c]
			for i := range w {
				copy(out[(r*w+i)*c:][:c], src[i*stride*c:])
			}
		}
	})
}
