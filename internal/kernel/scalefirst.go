package kernel

// ScaleFirst multiplies the first n of the c channels of x [rows c] by a factor. Out may be
// x.
func ScaleFirst(out, x []float32, rows, c, n int, factor float32) Phase {
	need("scale first", "out", out, rows*c)
	need("scale first", "x", x, rows*c)
	return splitRows(rows, c, func(from, to int) {
		for r := from; r < to; r++ {
			src, dst := x[r*c:][:c], out[r*c:][:c]
			scaleRow(dst[:n], src[:n], factor)
			copy(dst[n:], src[n:])
		}
	})
}
