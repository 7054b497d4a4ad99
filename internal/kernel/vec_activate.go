package kernel

// Apply sets out = act(x), elementwise. out may be x.
func Apply(out, x []float32, act Activation) Phase {
	need("apply", "out", out, len(x))
	return splitRows(len(x), 1, func(from, to int) {
		activate(out[from:to], x[from:to], act)
	})
}

// GEGLU multiplies the first half of each row by the GELU of the second:
// x [rows 2·inner] → out [rows inner].
//
// Shazeer (2020), "GLU variants improve transformer".
// https://arxiv.org/abs/2002.05202
func GEGLU(out, x []float32, rows, inner int) Phase {
	need("geglu", "out", out, rows*inner)
	need("geglu", "x", x, rows*2*inner)
	return splitRows(rows, 2*inner, func(from, to int) {
		for r := from; r < to; r++ {
			row := x[r*2*inner:][:2*inner]
			gegluRow(out[r*inner:][:inner], row[:inner], row[inner:], false)
		}
	})
}

func activateGeneric(dst, x []float32, act Activation) {
	dst = dst[:len(x)]
	switch act {
	case None:
		copy(dst, x)
	case SiLU:
		for i, v := range x {
			dst[i] = silu32(v)
		}
	case GELU:
		for i, v := range x {
			dst[i] = gelu32(v)
		}
	case QuickGELU:
		for i, v := range x {
			dst[i] = quickGELU32(v)
		}
	case ReLU:
		for i, v := range x {
			dst[i] = relu32(v)
		}
	default:
		panic("kernel: activate: unknown activation")
	}
}

func gegluRowGeneric(dst, x, gate []float32, near bool) {
	dst, gate = dst[:len(x)], gate[:len(x)]
	gelu := gelu32
	if near {
		gelu = nearGELU32
	}
	for i, v := range x {
		dst[i] = v * gelu(gate[i])
	}
}

// silu32 is x·sigmoid(x).
func silu32(x float32) float32 { return x / (1 + exp32(-x)) }

// quickGELU32 is x·sigmoid(1.702·x).
func quickGELU32(x float32) float32 { return x / (1 + exp32(float32(-quickGELUSlope*x))) }

const quickGELUSlope = 1.702

// relu32 is max(x, 0), without a negative zero.
func relu32(x float32) float32 {
	if x <= 0 {
		return 0
	}
	return x // NaN, too
}

// gelu32 is x·Φ(x), with Φ the normal distribution function. By symmetry
// x·Φ(x) = max(x, 0) - a·Φ(-a) with a = |x|, which cancels nowhere, and
//
//	Φ(-a) = e^(-a²/2)·P(u)/(a+k), u = a/(a+k)
//
// with a minimax P for a ≤ 16 (relative error 1e-8; Φ(-16) is 0 in float32).
// The error of a² is carried along, so that small results keep their digits.
//
// The form is that of Shepherd and Laframboise (1981), "Chebyshev
// approximation of (1+2x)exp(x²)erfc(x) in 0 ≤ x < ∞".
func gelu32(x float32) float32 {
	positive := float32(0)
	if x > 0 {
		positive = x
	}
	a := abs32(x)
	if a > geluMax {
		a = geluMax
	}
	r := 1 / (a + geluK)
	u := float32(a * r)
	p := fma32(geluP9, u, geluP8)
	p = fma32(p, u, geluP7)
	p = fma32(p, u, geluP6)
	p = fma32(p, u, geluP5)
	p = fma32(p, u, geluP4)
	p = fma32(p, u, geluP3)
	p = fma32(p, u, geluP2)
	p = fma32(p, u, geluP1)
	p = fma32(p, u, geluP0)

	half := 0.5 * a
	square := float32(half * a) // a²/2 = square + rest
	rest := fma32(half, a, -square)
	e := exp32(-square)
	e = fma32(-rest, e, e)
	tail := float32(float32(p*r) * e) // Φ(-a)
	return fma32(-a, tail, positive)
}

const (
	geluMax = 16
	geluK   = 2.5625

	geluP0 = geluK / 2
	geluP1 = -1.338369375
	geluP2 = 0.248711332
	geluP3 = 0.3069586331
	geluP4 = 0.02406260418
	geluP5 = -0.1433634932
	geluP6 = 0.08997761269
	geluP7 = -0.2392445903
	geluP8 = 0.2443839662
	geluP9 = -0.07543807279
)
