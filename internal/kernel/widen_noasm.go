//go:build !amd64 || purego

package kernel

func widenHalves(dst []float32, src []uint16) { widenHalvesGeneric(dst, src) }

func narrowHalves(dst []uint16, src []float32) { narrowHalvesGeneric(dst, src) }
