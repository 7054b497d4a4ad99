package kernel

import "math"

// Embed looks up rows of table [vocab d] and adds positions:
// out[r] = table[ids[r]] + pos[r mod tokens], out [rows d], pos [tokens d]. pos
// may be nil. The ids [rows] are whole numbers in 0..vocab-1.
func Embed(out []float32, ids []float32, table Table, rows, vocab, d int, pos []float32, tokens int) Phase {
	table.Format.mustBe("embed", Float32, Float16)
	need("embed", "out", out, rows*d)
	need("embed", "ids", ids, rows)
	need("embed", "table", table.Data, table.floats(vocab*d))
	if pos != nil {
		need("embed", "pos", pos, tokens*d)
	}
	return splitRows(rows, d, func(from, to int) {
		for r := from; r < to; r++ {
			id := wholeNumber(ids[r], vocab, "kernel: embed: id out of range")
			row := out[r*d:][:d]
			table.Load(row, id*d)
			if pos != nil {
				addRow(row, row, pos[r%tokens*d:][:d])
			}
		}
	})
}

// Timesteps embeds t [n] in sines and cosines of geometrically falling
// frequencies: out [n dim] holds for each t first sin(t·f), then cos(t·f), or
// the other way round, with
//
//	f[i] = maxPeriod^(-i/(dim/2 - freqShift)), 0 ≤ i < dim/2
//
// and a zero at the end if dim is odd. Each operation is rounded to float32, as
// models were trained: t·f near 1000 has an error of 3e-5, and so has the
// result against the formula.
//
// Ho et al. (2020), "Denoising diffusion probabilistic models", appendix B.
// https://arxiv.org/abs/2006.11239
func Timesteps(out, t []float32, n, dim int, flipSinToCos bool, freqShift float64, maxPeriod float64) Phase {
	need("timesteps", "out", out, n*dim)
	need("timesteps", "t", t, n)
	half := dim / 2
	return splitRows(n, 16*dim, func(from, to int) {
		for r := from; r < to; r++ {
			row := out[r*dim:][:dim]
			sin, cos := row[:half], row[half:2*half]
			if flipSinToCos {
				sin, cos = cos, sin
			}
			for i := range half {
				exponent := float32(-math.Log(maxPeriod)) * float32(i)
				exponent /= float32(float64(half) - freqShift)
				angle := float64(t[r] * float32(math.Exp(float64(exponent))))
				s, c := math.Sincos(angle)
				sin[i], cos[i] = float32(s), float32(c)
			}
			clear(row[2*half:])
		}
	})
}
