//go:build (amd64 || arm64) && !purego

package kernel

// widenHalves converts from [Float16].
func widenHalves(dst []float32, src []uint16) {
	src = src[:len(dst)]
	n := assembled(len(dst))
	if n > 0 {
		widenHalvesWhole(&dst[0], &src[0], n)
	}
	widenHalvesGeneric(dst[n:], src[n:])
}

// narrowHalves converts to [Float16].
func narrowHalves(dst []uint16, src []float32) {
	src = src[:len(dst)]
	n := assembled(len(dst))
	if n > 0 {
		narrowHalvesWhole(&dst[0], &src[0], n)
	}
	narrowHalvesGeneric(dst[n:], src[n:])
}
