//go:build !purego

package kernel

// sumChannelsWhole takes n channels of pixels of c channels.
func sumChannelsWhole(sums, squares *float64, x *float32, n, pixels, c int) {
	sumChannelsNEON(sums, squares, x, n, pixels, 4*c)
}

// normaliseWhole takes n channels of rows that are c apart.
func normaliseWhole(out, x *float32, p affine, n, rows, c int, silu bool) {
	mean, scale, shift := &p.mean[0], &p.scale[0], &p.shift[0]
	if silu {
		normaliseRowsSiLUNEON(out, x, mean, scale, shift, n, rows, 4*c)
	} else {
		normaliseRowsNEON(out, x, mean, scale, shift, n, rows, 4*c)
	}
}

func sumRowWhole(sums *rowSums, x *float32, n int) { sumRowNEON(sums, x, n) }

func normaliseRowWhole(out, x, gamma, beta *float32, n int, mean, scale, shift float32) {
	normaliseRowNEON(out, x, gamma, beta, n, mean, scale, shift)
}
