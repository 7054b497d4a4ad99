package sampler

// The loops over the state. Each value is computed in float64 and rounded once;
// the conversions around products keep a compiler from fusing them, so that equal
// coefficients give every platform the same bits.

// scale computes dst = a·x.
func scale(dst []float32, a float64, x []float32) {
	for i, v := range x {
		dst[i] = float32(a * float64(v))
	}
}

// mix computes dst = a·x + b·y. dst may be x or y.
func mix(dst []float32, a float64, x []float32, b float64, y []float32) {
	for i, v := range x {
		dst[i] = float32(float64(a*float64(v)) + float64(b*float64(y[i])))
	}
}

// addScaled computes dst = x + b·y. dst may be x or y.
func addScaled(dst, x []float32, b float64, y []float32) { mix(dst, 1, x, b, y) }

// slope computes d = (x − denoised)/sigma, which is dx/dσ and the estimate of the
// noise ε.
func slope(d, x, denoised []float32, sigma float64) {
	for i, v := range x {
		d[i] = float32((float64(v) - float64(denoised[i])) / sigma)
	}
}

// clone returns a copy of x.
func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// combine computes x = cx·x + Σ c[k]·m[k].
func combine(x []float32, cx float64, c []float64, m [][]float32) {
	for i, v := range x {
		sum := float64(cx * float64(v))
		for k, ck := range c {
			sum += float64(ck * float64(m[k][i]))
		}
		x[i] = float32(sum)
	}
}
