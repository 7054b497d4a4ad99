//go:build !purego

package kernel

func turnRowsWhole(x *float32, pairs int) { turnRowsNEON(x, pairs) }

func turnPairsWhole(x *float32, n int) { turnPairsNEON(x, n) }
