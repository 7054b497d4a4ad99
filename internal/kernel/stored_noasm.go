//go:build !(amd64 || arm64) || purego

package kernel

func widenBFloat16s(dst []float32, src []uint16) { widenBFloat16sGeneric(dst, src) }

func widenQ8(dst []float32, src []byte) { widenQ8Generic(dst, src) }

func widenQ4K(dst []float32, src []byte) { widenQ4KGeneric(dst, src) }
