package kernel

import "math"

// The exponential, for float32: e^x = 2^n·e^r with n the nearest integer to
// x/ln 2 and |r| ≤ ln(2)/2. Cody and Waite's two-part ln 2 keeps r exact, and
// e^r = 1 + r·(1 + r·q(r)) with a minimax q whose relative error is 3e-9, so
// rounding rules: the result is within 1 unit in the last place.
//
// The assembly does the same with these constants, and so gives these bits.
const (
	// Outside [expMin, expMax] the result is 0 or +Inf; the clamp keeps n
	// finite.
	expMin = -104
	expMax = 89

	log2e = 0x1.715476p+00
	ln2Hi = 0x1.62e430p-01
	ln2Lo = -0x1.05c610p-29

	// Adding roundShift to a small float32 leaves the nearest integer in the
	// low bits of the sum.
	roundShift = 0x1.8p23

	expQ0 = 0x1.fffffcp-02
	expQ1 = 0x1.55549p-03
	expQ2 = 0x1.5558f4p-05
	expQ3 = 0x1.123a6cp-07
	expQ4 = 0x1.6a2352p-10
)

// exp32 is e^x: 0 below -104, +Inf above 88.73, NaN for NaN.
func exp32(x float32) float32 {
	if x > expMax {
		x = expMax
	}
	if x < expMin {
		x = expMin
	}
	shifted := fma32(x, log2e, roundShift)
	n := shifted - roundShift
	r := fma32(n, -ln2Hi, x)
	r = fma32(n, -ln2Lo, r)

	p := fma32(expQ4, r, expQ3)
	p = fma32(p, r, expQ2)
	p = fma32(p, r, expQ1)
	p = fma32(p, r, expQ0)
	p = fma32(p, r, 1)
	p = fma32(p, r, 1)

	// 2^n by two factors: n reaches -150 and 129, beyond a float32's exponents.
	// The first product is exact, so the result rounds once.
	i := int32(math.Float32bits(shifted)) - roundShiftBits
	half := i >> 1
	return float32(p*pow2(half)) * pow2(i-half)
}

const roundShiftBits = 0x4b400000

// pow2 is 2^n for -126 ≤ n ≤ 127.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }
