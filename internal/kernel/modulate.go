package kernel

// Modulate sets out [n pixels c] to x·(1 + scale), plus shift if it is shifted, where by
// [n 2c] holds the scales of a sample's channels and then the shifts. out may be x.
func Modulate(out, x, by []float32, n, pixels, c int, shifted bool) Phase {
	need("modulate", "out", out, n*pixels*c)
	need("modulate", "x", x, n*pixels*c)
	need("modulate", "scale and shift", by, n*2*c)
	return splitRows(n*pixels, c, func(from, to int) {
		for r := from; r < to; r++ {
			row, src := out[r*c:][:c], x[r*c:][:c]
			sample := by[r/pixels*2*c:]
			scale, shift := sample[:c], sample[c:2*c]
			if !shifted {
				for i, v := range src {
					row[i] = v * (1 + scale[i])
				}
				continue
			}
			for i, v := range src {
				row[i] = float32(v*(1+scale[i])) + shift[i]
			}
		}
	})
}
