package kernel

// Permute puts the dimensions of x into another order: dimension i of out is
// dimension axes[i] of x, which has the given shape.
func Permute(out, x []float32, shape, axes []int) Phase {
	size := 1
	strides := make([]int, len(shape)) // of x
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = size
		size *= shape[i]
	}
	need("permute", "out", out, size)
	need("permute", "x", x, size)
	last := len(axes) - 1
	width, stride := shape[axes[last]], strides[axes[last]]
	return splitRows(size/max(1, width), width, func(from, to int) {
		for r := from; r < to; r++ {
			at, rest := 0, r
			for i := last - 1; i >= 0; i-- {
				n := shape[axes[i]]
				at += rest % n * strides[axes[i]]
				rest /= n
			}
			row := out[r*width:][:width]
			for i := range row {
				row[i] = x[at+i*stride]
			}
		}
	})
}

// Reverse writes each row of x [rows n] from its end to its beginning.
func Reverse(out, x []float32, rows, n int) Phase {
	need("reverse", "out", out, rows*n)
	need("reverse", "x", x, rows*n)
	return splitRows(rows, n, func(from, to int) {
		for r := from; r < to; r++ {
			row, src := out[r*n:][:n], x[r*n:][:n]
			for i := range row {
				row[i] = src[n-1-i]
			}
		}
	})
}
