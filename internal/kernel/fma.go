package kernel

import "math"

// fma32 returns a*b + c rounded once to float32, as a processor's float32
// fused multiply-add does. It is one link of every sum in this package.
//
// The product of two float32s is exact in float64, so only the sum rounds, and
// rounding that again to float32 is harmless unless it lies exactly halfway
// between two float32s, or among the denormals, whose halfway points are
// elsewhere.
func fma32(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	u := math.Float64bits(s)
	if u&0x1fffffff == 0x10000000 || u<<1 < denormal32 {
		return fmaOdd(float64(a)*float64(b), float64(c))
	}
	return float32(s)
}

// denormal32 bounds the bits, without the sign, of the float64s that are
// denormal as float32.
const denormal32 = (1023 - 126) << 53

// fmaOdd returns p + c rounded once to float32: the sum is rounded to odd
// first, which keeps the second rounding from seeing a false tie.
// Boldo and Melquiond (2008), "Emulation of FMA and correctly rounded sums:
// proved algorithms using rounding to odd".
func fmaOdd(p, c float64) float32 {
	s := p + c
	t := s - p
	rest := (p - (s - t)) + (c - t) // Knuth's TwoSum: p + c = s + rest exactly
	if u := math.Float64bits(s); u&1 == 0 && (rest > 0 || rest < 0) {
		if (rest > 0) == (s > 0) {
			u++
		} else {
			u--
		}
		s = math.Float64frombits(u)
	}
	return float32(s)
}
