package kernel

import "math"

// EmbedDerivative is the derivative of [Embed] by the table, for the derivative d [rows
// d] by its output: out [vocab d].
func EmbedDerivative(out, ids, d []float32, rows, vocab, width int) Phase {
	need("embed derivative", "out", out, vocab*width)
	need("embed derivative", "ids", ids, rows)
	need("embed derivative", "d", d, rows*width)
	return Phase{Tasks: 1, Run: func(int, []float32) {
		clear(out[:vocab*width])
		for r := range rows {
			row := out[wholeNumber(ids[r], vocab, "kernel: embed derivative: id out of range")*width:][:width]
			addRow(row, row, d[r*width:])
		}
	}}
}

// Scatter is the adjoint of [Gather]: token rows[i] of sample i of out [n tokens d] is
// x [n d], the others are zero.
func Scatter(out, x, rows []float32, n, tokens, d int) Phase {
	need("scatter", "out", out, n*tokens*d)
	need("scatter", "x", x, n*d)
	need("scatter", "rows", rows, n)
	return splitRows(n, tokens*d, func(from, to int) {
		clear(out[from*tokens*d : to*tokens*d])
		for i := from; i < to; i++ {
			token := wholeNumber(rows[i], tokens, "kernel: scatter: row out of range")
			copy(out[(i*tokens+token)*d:][:d], x[i*d:])
		}
	})
}

// TimestepsDerivative is the derivative of [Timesteps] by t [n], for the derivative d
// [n dim] by its output: out [n].
func TimestepsDerivative(out, t, d []float32, n, dim int, flipSinToCos bool, freqShift, maxPeriod float64) Phase {
	need("timesteps derivative", "out", out, n)
	need("timesteps derivative", "t", t, n)
	need("timesteps derivative", "d", d, n*dim)
	half := dim / 2
	return splitRows(n, 16*dim, func(from, to int) {
		for r := from; r < to; r++ {
			row := d[r*dim:][:dim]
			sin, cos := row[:half], row[half:2*half]
			if flipSinToCos {
				sin, cos = cos, sin
			}
			var sum float64
			for i := range half {
				f := math.Pow(maxPeriod, -float64(i)/(float64(half)-freqShift))
				s, c := math.Sincos(float64(t[r]) * f)
				sum += f * (float64(sin[i])*c - float64(cos[i])*s)
			}
			out[r] = float32(sum)
		}
	})
}
