package kernel

// Slice takes the parts from first on, n of size, of each row of x [rows size inner]:
// out [rows n inner].
func Slice(out, x []float32, rows, size, inner, first, n int) Phase {
	need("slice", "out", out, rows*n*inner)
	need("slice", "x", x, rows*size*inner)
	return splitRows(rows, n*inner, func(from, to int) {
		for r := from; r < to; r++ {
			copy(out[r*n*inner:][:n*inner], x[(r*size+first)*inner:])
		}
	})
}

// Pad is the adjoint of [Slice]: x [rows n inner] lies in out [rows size inner] from
// first on, between zeros.
func Pad(out, x []float32, rows, size, inner, first, n int) Phase {
	need("pad", "out", out, rows*size*inner)
	need("pad", "x", x, rows*n*inner)
	return splitRows(rows, size*inner, func(from, to int) {
		for r := from; r < to; r++ {
			row := out[r*size*inner:][:size*inner]
			clear(row)
			copy(row[first*inner:], x[r*n*inner:][:n*inner])
		}
	})
}
