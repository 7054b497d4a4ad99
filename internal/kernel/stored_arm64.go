//go:build !purego

package kernel

func widenBFloat16sWhole(dst *float32, src *uint16, n int) { widenBFloat16sNEON(dst, src, n) }

func widenQ8Blocks(dst *float32, src *uint8, blocks int) { widenQ8NEON(dst, src, blocks) }

func widenQ4K(dst []float32, src []byte) { widenQ4KGeneric(dst, src) }
