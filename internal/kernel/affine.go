package kernel

import "math"

// Affine sets out = scale·x + shift, elementwise; the product is rounded. out may be x.
func Affine(out, x []float32, scale, shift float32) Phase {
	need("affine", "out", out, len(x))
	return splitRows(len(x), 1, func(from, to int) {
		for i := from; i < to; i++ {
			out[i] = float32(x[i]*scale) + shift
		}
	})
}

// SoftClamp sets out = limit·tanh(x/limit), elementwise. out may be x.
func SoftClamp(out, x []float32, limit float32) Phase {
	need("soft clamp", "out", out, len(x))
	return splitRows(len(x), 1, func(from, to int) {
		for i := from; i < to; i++ {
			out[i] = float32(float64(limit) * math.Tanh(float64(x[i])/float64(limit)))
		}
	})
}

// SoftClampDerivative is the derivative of [SoftClamp] by x, for the derivative d by its
// output. out may be x or d.
func SoftClampDerivative(out, x, d []float32, limit float32) Phase {
	need("soft clamp derivative", "out", out, len(x))
	need("soft clamp derivative", "d", d, len(x))
	return splitRows(len(x), 1, func(from, to int) {
		for i := from; i < to; i++ {
			t := math.Tanh(float64(x[i]) / float64(limit))
			out[i] = float32(float64(d[i]) * (1 - t) * (1 + t))
		}
	})
}
