package kernel

// sumWidth is the number of channels that one task of [SumPixels] adds up.
const sumWidth = 64

// SumPixels adds up the pixels of each sample of x [samples pixels c] in float64: out
// [samples c].
func SumPixels(out, x []float32, samples, pixels, c int) Phase {
	need("sum", "out", out, samples*c)
	need("sum", "x", x, samples*pixels*c)
	parts := ceilDiv(c, sumWidth)
	return Phase{Tasks: samples * parts, Run: func(task int, _ []float32) {
		sample, first := task/parts, task%parts*sumWidth
		var sums [sumWidth]float64
		width := min(sumWidth, c-first)
		for p := range pixels {
			for i, v := range x[(sample*pixels+p)*c+first:][:width] {
				sums[i] += float64(v)
			}
		}
		for i, sum := range sums[:width] {
			out[sample*c+first+i] = float32(sum)
		}
	}}
}

// RepeatPixels is the adjoint of [SumPixels]: every pixel of out [samples pixels c] is
// x [samples c].
func RepeatPixels(out, x []float32, samples, pixels, c int) Phase {
	need("repeat", "out", out, samples*pixels*c)
	need("repeat", "x", x, samples*c)
	return splitRows(samples*pixels, c, func(from, to int) {
		for r := from; r < to; r++ {
			copy(out[r*c:][:c], x[r/pixels*c:])
		}
	})
}
