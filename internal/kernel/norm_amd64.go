//go:build !purego

package kernel

// sumChannelsWhole takes n channels of pixels of c channels.
func sumChannelsWhole(sums, squares *float64, x *float32, n, pixels, c int) {
	if isa == isaAVX512 {
		sumChannelsAVX512(sums, squares, x, n, pixels, 4*c)
	} else {
		sumChannelsAVX2(sums, squares, x, n, pixels, 4*c)
	}
}

// normaliseWhole takes n channels of rows that are c apart.
func normaliseWhole(out, x *float32, p affine, n, rows, c int, silu bool) {
	mean, scale, shift := &p.mean[0], &p.scale[0], &p.shift[0]
	wide := isa == isaAVX512
	switch {
	case silu && wide:
		normaliseRowsSiLUAVX512(out, x, mean, scale, shift, n, rows, 4*c)
	case silu:
		normaliseRowsSiLUAVX2(out, x, mean, scale, shift, n, rows, 4*c)
	case wide:
		normaliseRowsAVX512(out, x, mean, scale, shift, n, rows, 4*c)
	default:
		normaliseRowsAVX2(out, x, mean, scale, shift, n, rows, 4*c)
	}
}

func sumRowWhole(sums *rowSums, x *float32, n int) {
	if isa == isaAVX512 {
		sumRowAVX512(sums, x, n)
	} else {
		sumRowAVX2(sums, x, n)
	}
}

func normaliseRowWhole(out, x, gamma, beta *float32, n int, mean, scale, shift float32) {
	if isa == isaAVX512 {
		normaliseRowAVX512(out, x, gamma, beta, n, mean, scale, shift)
	} else {
		normaliseRowAVX2(out, x, gamma, beta, n, mean, scale, shift)
	}
}
