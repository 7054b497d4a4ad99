//go:build !purego

package kernel

func turnRowsWhole(x *float32, pairs int) {
	if isa == isaAVX512 {
		turnRowsAVX512(x, pairs)
	} else {
		turnRowsAVX2(x, pairs)
	}
}

func turnPairsWhole(x *float32, n int) {
	if isa == isaAVX512 {
		turnPairsAVX512(x, n)
	} else {
		turnPairsAVX2(x, n)
	}
}
