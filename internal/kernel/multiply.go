package kernel

// Multiply sets out = a·b, elementwise. out may be a or b.
func Multiply(out, a, b []float32) Phase {
	need("multiply", "out", out, len(a))
	need("multiply", "b", b, len(a))
	return splitRows(len(a), 1, func(from, to int) {
		for i := from; i < to; i++ {
			out[i] = a[i] * b[i]
		}
	})
}

// ScaleChannels multiplies every pixel of x [pixels c] by scale [c], and adds shift [c]
// unless it is nil. out may be x.
func ScaleChannels(out, x, scale, shift []float32, pixels, c int) Phase {
	need("scale channels", "out", out, pixels*c)
	need("scale channels", "x", x, pixels*c)
	need("scale channels", "scale", scale, c)
	if shift != nil {
		need("scale channels", "shift", shift, c)
	}
	return splitRows(pixels, c, func(from, to int) {
		for r := from; r < to; r++ {
			row, src := out[r*c:][:c], x[r*c:][:c]
			if shift == nil {
				for i, v := range src {
					row[i] = v * scale[i]
				}
				continue
			}
			for i, v := range src {
				row[i] = float32(v*scale[i]) + shift[i]
			}
		}
	})
}
