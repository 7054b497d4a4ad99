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

// IsFloat16 says whether all numbers, which are finite, are those of [Float16].
func IsFloat16(x []float32) bool {
	const most = 1024
	var half [most]uint16
	var wide [most]float32
	for len(x) > 0 {
		n := min(most, len(x))
		narrowHalves(half[:n], x[:n])
		widenHalves(wide[:n], half[:n])
		if string(bytes(wide[:n])) != string(bytes(x[:n])) {
			return false
		}
		x = x[n:]
	}
	return true
}
