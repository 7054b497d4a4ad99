package kernel

// AveragePool halves x [n h w c] to out [n ⌈h/2⌉ ⌈w/2⌉ c]: each pixel is the mean of two
// by two pixels of x, or of those of them that there are at its border.
func AveragePool(out, x []float32, n, h, w, c int) Phase {
	need("average pool", "out", out, n*((h+1)/2)*((w+1)/2)*c)
	need("average pool", "x", x, n*h*w*c)
	return poolWindows(n, h, w, c, func(i int, window poolWindow) {
		dst := out[i*c:][:c]
		clear(dst)
		window.each(func(pixel int) { addRow(dst, dst, x[pixel*c:]) })
		scaleRow(dst, dst, window.share())
	})
}

// AveragePoolDerivative is the derivative of [AveragePool] by x, for the derivative d [n
// ⌈h/2⌉ ⌈w/2⌉ c] by its output.
func AveragePoolDerivative(out, d []float32, n, h, w, c int) Phase {
	need("average pool derivative", "out", out, n*h*w*c)
	need("average pool derivative", "d", d, n*((h+1)/2)*((w+1)/2)*c)
	return poolWindows(n, h, w, c, func(i int, window poolWindow) {
		src := d[i*c:][:c]
		window.each(func(pixel int) { scaleRow(out[pixel*c:], src, window.share()) })
	})
}

// poolWindows calls f for each pixel i of [n ⌈h/2⌉ ⌈w/2⌉], with what it is the mean of.
func poolWindows(n, h, w, c int, f func(i int, window poolWindow)) Phase {
	outH, outW := (h+1)/2, (w+1)/2
	return splitRows(n*outH, 2*w*c, func(from, to int) {
		for i := from * outW; i < to*outW; i++ {
			row := i / outW
			f(i, poolWindow{row / outH, 2 * (row % outH), 2 * (i % outW), h, w})
		}
	})
}

// poolWindow is two by two pixels of a sample [h w], of which the first is at (y, x).
type poolWindow struct{ sample, y, x, h, w int }

// each calls f for those pixels that there are.
func (p poolWindow) each(f func(pixel int)) {
	for y := p.y; y < min(p.y+2, p.h); y++ {
		for x := p.x; x < min(p.x+2, p.w); x++ {
			f((p.sample*p.h+y)*p.w + x)
		}
	}
}

// share is what each of them has of their mean.
func (p poolWindow) share() float32 {
	return 1 / float32(min(2, p.h-p.y)*min(2, p.w-p.x))
}
