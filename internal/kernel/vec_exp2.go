package kernel

import "math"

// The exponential of a softmax, for float32 z ≤ 0: 2^z = 2^n·2^f with n = ⌊z⌋,
// and for 0 ≤ f ≤ 1 a minimax polynomial 1 + f·q(f) whose relative error is
// 8e-8, as large as that of rounding once or twice. It is exact at 0.
//
// The assembly does the same with these constants, and so gives these bits.
const (
	// Below exp2Min the result is 0: a weight that is no normal number counts
	// for nothing beside the largest weight, 1.
	exp2Min = -126

	exp2P1 = 0x1.62e4bap-01
	exp2P2 = 0x1.ebdb6ap-03
	exp2P3 = 0x1.c91c1p-05
	exp2P4 = 0x1.277c1cp-07
	exp2P5 = 0x1.e96912p-10

	// The same with an error of 9e-5, where the result is rounded to bfloat16.
	exp2C1 = 0x1.63e658p-01
	exp2C2 = 0x1.d23794p-03
	exp2C3 = 0x1.3baa9ap-04
)

// exp2 is 2^z for z ≤ 0, 0 below -126, and NaN for NaN.
func exp2(z float32) float32 {
	if !(z >= exp2Min) {
		return exp2Odd(z)
	}
	n := float32(math.Floor(float64(z)))
	f := z - n
	p := fma32(exp2P5, f, exp2P4)
	p = fma32(p, f, exp2P3)
	p = fma32(p, f, exp2P2)
	p = fma32(p, f, exp2P1)
	p = fma32(p, f, 1)
	return p * pow2(int32(n))
}

// weightOf is 2^(s-m) as bfloat16 for a whole number m, 0 where s is below m-125, and
// NaN for NaN. The polynomial begins half a last digit above 1, so that cutting digits
// off rounds; halves go up.
func weightOf(s, m float32) uint16 {
	if s < m+weightMin {
		return 0
	}
	if s != s {
		return bfloat16(s)
	}
	n := float32(math.Floor(float64(s)))
	f := s - n
	p := fma32(exp2C3, f, exp2C2)
	p = fma32(p, f, exp2C1)
	p = fma32(p, f, 1+0x1p-8)
	return uint16((math.Float32bits(p) + uint32(int32(n-m))<<23) >> 16)
}

// exp2Odd is the result for NaN or below the range.
func exp2Odd(z float32) float32 {
	if z != z {
		return z
	}
	return 0
}
