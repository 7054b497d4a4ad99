package kernel

// LayerNorm normalises each row of x [rows d] to mean 0 and variance 1, then
// applies gamma [d] and beta [d]. out may be x. The sums are float64, as in
// [GroupNorm].
//
// Ba, Kiros and Hinton (2016), "Layer normalization".
// https://arxiv.org/abs/1607.06450
func LayerNorm(out, x []float32, rows, d int, gamma, beta []float32, eps float64) Phase {
	need("layer norm", "out", out, rows*d)
	l := newLayerNorm(x, rows, d, gamma, beta, eps)
	return splitRows(rows, d, func(from, to int) {
		for r := from; r < to; r++ {
			l.row(out[r*d:][:d], r)
		}
	})
}

// LayerNormRounded is [LayerNorm] whose out is bfloat16. It must not overlap x.
func LayerNormRounded(out, x []float32, rows, d int, gamma, beta []float32, eps float64) Phase {
	need("layer norm", "out", out, RoundedLen(rows*d))
	l := newLayerNorm(x, rows, d, gamma, beta, eps)
	return splitRowsWith(rows, d, d, func(from, to int, scratch []float32) {
		for r := from; r < to; r++ {
			l.row(scratch[:d], r)
			roundBFloat16s(halves(out)[r*d:][:d], scratch[:d])
		}
	})
}

// layerNorm is what the rows of a layer normalisation have in common.
type layerNorm struct {
	x, gamma, beta []float32
	d              int
	eps            float64
}

func newLayerNorm(x []float32, rows, d int, gamma, beta []float32, eps float64) *layerNorm {
	need("layer norm", "x", x, rows*d)
	need("layer norm", "gamma", gamma, d)
	need("layer norm", "beta", beta, d)
	return &layerNorm{x, gamma, beta, d, eps}
}

// row writes row r.
func (l *layerNorm) row(out []float32, r int) {
	row := l.x[r*l.d:][:l.d]
	sum, squares := sumRow(row)
	mean, deviation := moments(sum, squares, float64(l.d), l.eps)
	m := float32(mean)
	scale := float32(1 / deviation)
	shift := float32(float64(m)-mean) * scale
	normaliseRow(out, row, m, scale, shift, l.gamma, l.beta)
}

// lanes is the number of partial results of every reduction over a row:
// element i belongs to lane i%lanes, and fold combines them. It is one register
// of AVX-512, two of AVX2 and four of NEON.
const lanes = 16

// rowSums are the sums and the sums of squares of a row in lanes.
type rowSums [2][lanes]float64

func (l *rowSums) add(x []float32) {
	for i, v := range x {
		f := float64(v)
		l[0][i%lanes] += f
		l[1][i%lanes] += float64(f * f) // the product is exact
	}
}

func (l *rowSums) fold() (sum, squares float64) {
	for half := lanes / 2; half > 0; half /= 2 {
		for i := range half {
			l[0][i] += l[0][i+half]
			l[1][i] += l[1][i+half]
		}
	}
	return l[0][0], l[1][0]
}

// normaliseRowGeneric is out = ((x - mean)·scale + shift)·gamma + beta.
func normaliseRowGeneric(out, x []float32, mean, scale, shift float32, gamma, beta []float32) {
	out, gamma, beta = out[:len(x)], gamma[:len(x)], beta[:len(x)]
	for i, v := range x {
		out[i] = fma32(fma32(v-mean, scale, shift), gamma[i], beta[i])
	}
}
