package kernel

// Without the instruction for pairs, factors are rounded to bfloat16 but stay float32s, with
// the second of a pair first, as in its sum of products.

// turnRowsGeneric rounds and turns the rows of a panel [2·pairs][32].
func turnRowsGeneric(x []float32, pairs int) {
	for i := range pairs {
		first, second := x[2*i*panel:][:panel], x[(2*i+1)*panel:][:panel]
		for c, v := range first {
			first[c], second[c] = fromBFloat16(bfloat16(second[c])), fromBFloat16(bfloat16(v))
		}
	}
}

// turnPairsGeneric rounds and turns an even number of elements.
func turnPairsGeneric(x []float32) {
	for i := 0; i < len(x); i += 2 {
		x[i], x[i+1] = fromBFloat16(bfloat16(x[i+1])), fromBFloat16(bfloat16(x[i]))
	}
}
