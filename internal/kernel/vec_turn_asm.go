//go:build (amd64 || arm64) && !purego

package kernel

// turnRows is turnRowsGeneric.
func turnRows(x []float32, pairs int) {
	if isa == isaGeneric || pairs == 0 {
		turnRowsGeneric(x, pairs)
		return
	}
	_ = x[2*pairs*panel-1]
	turnRowsWhole(&x[0], pairs)
}

// turnPairs is turnPairsGeneric.
func turnPairs(x []float32) {
	n := assembled(len(x))
	if n > 0 {
		turnPairsWhole(&x[0], n)
	}
	turnPairsGeneric(x[n:])
}
