package kernel

// Halve sets each pixel of out [n h/2 w/2 c] to the mean of four of x [n h w c]. A last
// row or column of an odd size is left out.
func Halve(out, x []float32, n, h, w, c int) Phase {
	outH, outW := h/2, w/2
	need("halve", "out", out, n*outH*outW*c)
	need("halve", "x", x, n*h*w*c)
	return splitRows(n*outH, outW*c, func(from, to int) {
		for r := from; r < to; r++ {
			top := ((r/outH)*h + r%outH*2) * w * c
			for i := range outW {
				at := top + 2*i*c
				a, b := x[at:][:c], x[at+c:][:c]
				below, beside := x[at+w*c:][:c], x[at+w*c+c:][:c]
				dst := out[(r*outW+i)*c:][:c]
				for j := range dst {
					dst[j] = (a[j] + b[j] + below[j] + beside[j]) / 4
				}
			}
		}
	})
}
