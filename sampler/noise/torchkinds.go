package noise

import "math"

// Normal64 fills dst with torch.randn(len(dst), dtype=torch.float64).
func (g *Torch) Normal64(dst []float64) {
	if len(dst) < block {
		for i := range dst {
			dst[i] = g.normal()
		}
		return
	}
	for i := range dst {
		dst[i] = g.Float64()
	}
	for i := 0; i < len(dst); i += block {
		b := dst[i:]
		if len(b) < block { // torch draws the last whole block anew
			b = dst[len(dst)-block:]
			for j := range b {
				b[j] = g.Float64()
			}
		}
		for j := range block / 2 {
			radius := math.Sqrt(-2 * math.Log(1-b[j]))
			sin, cos := math.Sincos(2 * math.Pi * b[j+block/2])
			b[j], b[j+block/2] = radius*cos, radius*sin
		}
	}
}

// NormalF16 fills dst with torch.randn(len(dst), dtype=torch.float16). Torch makes
// them in float32 and block by block, so they are the rounded float32 numbers
// only if len(dst) is a multiple of 16 or below 16.
func (g *Torch) NormalF16(dst []float32) {
	if len(dst) < block {
		g.Normal(dst)
	} else {
		for i := 0; i < len(dst); i += block {
			b := dst[min(i, len(dst)-block):][:block]
			for j := range b {
				b[j] = g.Float32()
			}
			boxMuller(b)
		}
	}
	for i, v := range dst {
		dst[i] = roundF16(float64(v))
	}
}

// roundF16 rounds to the nearest float16, halves to even. |v| is below 65504.
func roundF16(v float64) float32 {
	_, exp := math.Frexp(v)
	unit := math.Ldexp(1, max(exp-11, -24))
	return float32(math.RoundToEven(v/unit) * unit)
}

// IntN returns a number of torch.randint(0, n, …), n from 1 to 2³²−1. An n of 0 gives 0.
func (g *Torch) IntN(n uint32) uint32 { return g.Uint32() % max(n, 1) }

// Perm returns torch.randperm(n), a random order of 0 to n−1; without numbers it is
// empty.
func (g *Torch) Perm(n int) []int {
	p := make([]int, max(n, 0))
	for i := range p {
		p[i] = i
	}
	for i := range max(n, 1) - 1 {
		j := i + int(g.Uint32()%uint32(n-i))
		p[i], p[j] = p[j], p[i]
	}
	return p
}
