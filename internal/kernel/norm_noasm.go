//go:build !(amd64 || arm64) || purego

package kernel

// sumChannels adds to sums and squares: see sumChannelsGeneric.
func sumChannels(sums, squares []float64, x []float32, c int) {
	sumChannelsGeneric(sums, squares, x, c)
}

// normaliseRows is out = act((x - mean)·scale + shift). out may be x.
func normaliseRows(out, x []float32, c int, p affine, act Activation) {
	normaliseRowsGeneric(out, x, c, p, act)
}

// sumRow returns the sum of x and of its squares.
func sumRow(x []float32) (sum, squares float64) {
	var l rowSums
	l.add(x)
	return l.fold()
}

// normaliseRow is out = ((x - mean)·scale + shift)·gamma + beta. out may be x.
func normaliseRow(out, x []float32, mean, scale, shift float32, gamma, beta []float32) {
	normaliseRowGeneric(out, x, mean, scale, shift, gamma, beta)
}
