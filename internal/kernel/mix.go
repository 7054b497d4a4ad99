package kernel

// Mix multiplies the n parts of each row of x [rows n inner] with a matrix [n n]: part i
// of out is the sum of the parts j, each times matrix[i·n+j]. Out must not be x.
func Mix(out, x []float32, rows, n, inner int, matrix []float32) Phase {
	need("mix", "out", out, rows*n*inner)
	need("mix", "x", x, rows*n*inner)
	need("mix", "matrix", matrix, n*n)
	return splitRows(rows*n, n*inner, func(from, to int) {
		for part := from; part < to; part++ {
			row, i := part/n, part%n
			dst := out[part*inner:][:inner]
			clear(dst)
			for j, weight := range matrix[i*n:][:n] {
				if weight == 0 { // beyond what reaches part i
					continue
				}
				for k, v := range x[(row*n+j)*inner:][:inner] {
					dst[k] += float32(weight * v)
				}
			}
		}
	})
}
