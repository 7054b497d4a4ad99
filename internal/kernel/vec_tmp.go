package kernel

import "math"

func expf(x float32) float32 { return float32(math.Exp(float64(x))) }

func activate(dst, x []float32, act Activation) {
	for i, v := range x {
		f := float64(v)
		switch act {
		case SiLU:
			f /= 1 + math.Exp(-f)
		case GELU:
			f *= 0.5 * math.Erfc(-f/math.Sqrt2)
		case QuickGELU:
			f /= 1 + math.Exp(-1.702*f)
		}
		dst[i] = float32(f)
	}
}
