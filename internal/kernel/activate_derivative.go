package kernel

import "math"

// ApplyDerivative sets out = d·act'(x), elementwise: the derivative of [Apply]. out may
// be x or d.
func ApplyDerivative(out, x, d []float32, act Activation) Phase {
	need("activation derivative", "out", out, len(x))
	need("activation derivative", "d", d, len(x))
	return splitRows(len(x), 1, func(from, to int) {
		for i := from; i < to; i++ {
			out[i] = float32(float64(d[i]) * act.derivative(float64(x[i])))
		}
	})
}

// derivative is that of the activation at x.
func (a Activation) derivative(x float64) float64 {
	switch a {
	case SiLU:
		s := 1 / (1 + math.Exp(-x))
		return s * (1 + x*(1-s))
	case GELU:
		return normalCDF(x) + x*normalDensity(x)
	case QuickGELU:
		s := 1 / (1 + math.Exp(-quickGELUSlope*x))
		return s * (1 + quickGELUSlope*x*(1-s))
	case ReLU: // zero at zero, as PyTorch has it
		if x <= 0 {
			return 0
		}
	}
	return 1
}

func normalCDF(x float64) float64     { return math.Erfc(-x/math.Sqrt2) / 2 }
func normalDensity(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// GEGLUDerivative is the derivative of [GEGLU] by x [rows 2·inner], for the derivative
// d [rows inner] by its output: out [rows 2·inner].
func GEGLUDerivative(out, x, d []float32, rows, inner int) Phase {
	need("geglu derivative", "out", out, rows*2*inner)
	need("geglu derivative", "x", x, rows*2*inner)
	need("geglu derivative", "d", d, rows*inner)
	return splitRows(rows, 2*inner, func(from, to int) {
		for r := from; r < to; r++ {
			row, src := out[r*2*inner:][:2*inner], x[r*2*inner:][:2*inner]
			for i, v := range d[r*inner:][:inner] {
				x, gate := float64(src[i]), float64(src[inner+i])
				row[i] = float32(float64(v) * gate * normalCDF(gate))
				row[inner+i] = float32(float64(v) * x * GELU.derivative(gate))
			}
		}
	})
}
