//go:build !purego

package kernel

import "sdgo/internal/ggml"

func widenBFloat16sWhole(dst *float32, src *uint16, n int) {
	if isa == isaAVX512 {
		widenBFloat16sAVX512(dst, src, n)
	} else {
		widenBFloat16sAVX2(dst, src, n)
	}
}

func widenQ8Blocks(dst *float32, src *uint8, blocks int) {
	if isa == isaAVX512 {
		widenQ8AVX512(dst, src, blocks)
	} else {
		widenQ8AVX2(dst, src, blocks)
	}
}

// widenQ4K converts whole blocks of Q4_K.
func widenQ4K(dst []float32, src []byte) {
	if isa == isaGeneric {
		widenQ4KGeneric(dst, src)
		return
	}
	numbers, size := ggml.Q4_K.Block()
	for len(dst) > 0 {
		factors := ggml.FactorsQ4K(src[:size])
		if isa == isaAVX512 {
			widenQ4KAVX512(&dst[:numbers][0], &src[size-numbers/2], &factors.Scales[0])
		} else {
			widenQ4KAVX2(&dst[:numbers][0], &src[size-numbers/2], &factors.Scales[0])
		}
		dst, src = dst[numbers:], src[size:]
	}
}
