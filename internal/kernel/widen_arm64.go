//go:build !purego

package kernel

func widenHalvesWhole(dst *float32, src *uint16, n int) { widenHalvesNEON(dst, src, n) }

func narrowHalvesWhole(dst *uint16, src *float32, n int) { narrowHalvesNEON(dst, src, n) }
