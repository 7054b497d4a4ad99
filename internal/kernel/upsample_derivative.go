package kernel

// UpsampleDerivative is the derivative of [Upsample] by x, for the derivative d [n outH
// outW c] by its output: each pixel of out [n h w c] is the sum of those it became.
func UpsampleDerivative(out, d []float32, n, h, w, c, outH, outW int) Phase {
	need("upsample derivative", "out", out, n*h*w*c)
	need("upsample derivative", "d", d, n*outH*outW*c)
	return splitRows(n, outH*outW*c, func(from, to int) {
		clear(out[from*h*w*c : to*h*w*c])
		for r := from * outH; r < to*outH; r++ {
			sample, y := r/outH, r%outH*h/outH
			for i := range outW {
				dst := out[((sample*h+y)*w+i*w/outW)*c:][:c]
				addRow(dst, dst, d[(r*outW+i)*c:])
			}
		}
	})
}
