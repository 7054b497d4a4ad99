package kernel

// widenHalvesGeneric converts from [Float16].
func widenHalvesGeneric(dst []float32, src []uint16) {
	for i := range dst {
		dst[i] = float16ToFloat32(src[i])
	}
}

// narrowHalvesGeneric converts to [Float16].
func narrowHalvesGeneric(dst []uint16, src []float32) {
	for i := range dst {
		dst[i] = float32ToFloat16(src[i])
	}
}
