package kernel

// A panel of pairs is [n/2][32][2] bfloat16, the right factor of a tile whose products
// are of pairs: rows 2i and 2i+1 of a panel [n][32], rounded, side by side. It begins
// where the panel of float32s did.

// pairRowsGeneric makes pairs of 16 or 32 columns of a panel [2·pairs][32].
func pairRowsGeneric(x []float32, pairs, columns int) {
	dst := halves(x)
	for i := range pairs {
		for c := range columns {
			first, second := bfloat16(x[2*i*panel+c]), bfloat16(x[(2*i+1)*panel+c])
			dst[2*(i*panel+c)], dst[2*(i*panel+c)+1] = first, second
		}
	}
}

// pairHalvesGeneric makes pairs of the rows of a panel [2·pairs][32] of [Float16].
func pairHalvesGeneric(dst []float32, src []uint16, pairs int) {
	to := halves(dst)
	for i := range pairs {
		for c := range panel {
			to[2*(i*panel+c)] = bfloat16(float16ToFloat32(src[2*i*panel+c]))
			to[2*(i*panel+c)+1] = bfloat16(float16ToFloat32(src[(2*i+1)*panel+c]))
		}
	}
}

// splitWordsGeneric writes the first numbers of pairs, and the second ones, side by side.
func splitWordsGeneric(first, second []uint16, src []float32) {
	for i, pairs := 0, halves(src); i < len(src); i++ {
		first[i], second[i] = pairs[2*i], pairs[2*i+1]
	}
}

// widenPairs makes a panel of float32s of the same values, for processors without the
// instruction: the second of a pair comes first, as in its sum of products.
func widenPairs(x []float32, pairs, columns int) {
	src := halves(x)
	for i := pairs - 1; i >= 0; i-- {
		for c := range columns {
			first, second := src[2*(i*panel+c)], src[2*(i*panel+c)+1]
			x[2*i*panel+c], x[(2*i+1)*panel+c] = fromBFloat16(second), fromBFloat16(first)
		}
	}
}

// roundPairs writes an even number of elements as pairs of bfloat16 or, if not native,
// as float32s of the same values with the second of a pair first.
func roundPairs(dst, src []float32, native bool) {
	if native {
		roundBFloat16s(halves(dst)[:len(src)], src)
		return
	}
	dst = dst[:len(src)]
	copy(dst, src)
	turnPairs(dst)
}
