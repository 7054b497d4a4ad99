package kernel

// A value that products of bfloat16 alone read lies in memory as such: rows of numbers of
// 16 bits in their order, the same on every processor, in half the float32s. Who computes
// it rounds it, once. Where there is no instruction for pairs, the products turn those
// round while they widen them.

// GemmRounded is [Gemm] of a [m K] that is bfloat16, with weights of that format.
func GemmRounded(out, a []float32, m int, w Packed, ep Epilogue) Phase {
	w.Format.mustBe("product of bfloat16", BFloat16)
	if len(a) < RoundedLen(m*w.K) {
		panic("kernel: product of bfloat16: short a")
	}
	return newRounded(out, a, m, w, ep, true)
}

// RoundedLen is the float32s whose memory n numbers of bfloat16 take.
func RoundedLen(n int) int { return BFloat16.floats(n) }

// rows returns the rows [from, to) of A as words, in scratch unless they are such in
// memory, and sets their scales.
func (p *rounded) rows(scratch *[]float32, scales []float32, from, to int) []float32 {
	if p.ready && p.native {
		return p.a[from*p.words : to*p.words]
	}
	rows, k := take(scratch, (to-from)*p.words), p.w.K
	for r := from; r < to; r++ {
		row := rows[(r-from)*p.words:][:p.words]
		if p.ready {
			widenRow(row, halves(p.a)[r*k:][:k])
		} else {
			scales[r-from] = p.round(row, p.a[r*k:][:k])
		}
	}
	return rows
}

// widenRow writes a row of bfloat16 as [roundPairs] does that is not native.
func widenRow(dst []float32, src []uint16) {
	for i, v := range src {
		dst[i^1] = fromBFloat16(v)
	}
}

// roundTile stores cols columns of a tile's rows as bfloat16, stride apart in dst.
func roundTile(dst []uint16, stride int, tile []float32, rows, cols int) {
	if cols == panel && roundWholeTile(dst, stride, tile, rows) {
		return
	}
	for r := range rows {
		roundBFloat16s(dst[r*stride:][:cols], tile[r*panel:][:cols])
	}
}
