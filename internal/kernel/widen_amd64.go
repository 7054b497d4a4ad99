//go:build !purego

package kernel

// widenHalves converts from [Float16].
func widenHalves(dst []float32, src []uint16) {
	src = src[:len(dst)]
	n := whole(len(dst))
	switch {
	case isa == isaGeneric || n == 0:
		n = 0
	case isa == isaAVX512:
		widenHalvesAVX512(&dst[0], &src[0], n)
	default:
		widenHalvesAVX2(&dst[0], &src[0], n)
	}
	widenHalvesGeneric(dst[n:], src[n:])
}

// narrowHalves converts to [Float16].
func narrowHalves(dst []uint16, src []float32) {
	src = src[:len(dst)]
	n := whole(len(dst))
	switch {
	case isa == isaGeneric || n == 0:
		n = 0
	case isa == isaAVX512:
		narrowHalvesAVX512(&dst[0], &src[0], n)
	default:
		narrowHalvesAVX2(&dst[0], &src[0], n)
	}
	narrowHalvesGeneric(dst[n:], src[n:])
}
