//go:build !purego

package kernel

func widenHalvesWhole(dst *float32, src *uint16, n int) {
	if isa == isaAVX512 {
		widenHalvesAVX512(dst, src, n)
	} else {
		widenHalvesAVX2(dst, src, n)
	}
}

func narrowHalvesWhole(dst *uint16, src *float32, n int) {
	if isa == isaAVX512 {
		narrowHalvesAVX512(dst, src, n)
	} else {
		narrowHalvesAVX2(dst, src, n)
	}
}
