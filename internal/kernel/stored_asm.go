//go:build (amd64 || arm64) && !purego

package kernel

import "sdgo/internal/ggml"

// widenBFloat16s converts from bfloat16.
func widenBFloat16s(dst []float32, src []uint16) {
	src = src[:len(dst)]
	n := assembled(len(dst))
	if n > 0 {
		widenBFloat16sWhole(&dst[0], &src[0], n)
	}
	widenBFloat16sGeneric(dst[n:], src[n:])
}

// widenQ8 converts whole blocks of Q8_0.
func widenQ8(dst []float32, src []byte) {
	numbers, size := ggml.Q8_0.Block()
	n := len(dst) / numbers
	if isa == isaGeneric || n == 0 {
		widenQ8Generic(dst, src)
		return
	}
	_ = src[n*size-1]
	widenQ8Blocks(&dst[0], &src[0], n)
}
