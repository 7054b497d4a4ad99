//go:build !(amd64 || arm64) || purego

package kernel

func turnRows(x []float32, pairs int) { turnRowsGeneric(x, pairs) }

func turnPairs(x []float32) { turnPairsGeneric(x) }
