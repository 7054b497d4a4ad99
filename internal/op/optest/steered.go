package optest

// refModulate is x·(1 + scale) + shift with the scales and shifts of each sample.
func refModulate(pixels, c int) func([][]float64) []float64 {
	return func(a [][]float64) []float64 {
		y := make([]float64, len(a[0]))
		for i, v := range a[0] {
			by := a[1][i/(pixels*c)*2*c:]
			y[i] = v*(1+by[i%c]) + by[c+i%c]
		}
		return y
	}
}

// refHalve is the mean of four pixels.
func refHalve(h, w, c int) func([][]float64) []float64 {
	return func(a [][]float64) (y []float64) {
		x := a[0]
		for s := range len(x) / (h * w * c) {
			for i := range h / 2 * (w / 2) * c {
				row, column, ch := i/(w/2*c)*2, i/c%(w/2)*2, i%c
				at := func(dy, dx int) float64 { return x[((s*h+row+dy)*w+column+dx)*c+ch] }
				y = append(y, (at(0, 0)+at(0, 1)+at(1, 0)+at(1, 1))/4)
			}
		}
		return y
	}
}
