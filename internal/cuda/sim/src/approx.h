// The approximations (.approx), whose last bits are not defined: a test may ask for
// other ones within the error that the PTX manual states.
#pragma once
#include "number.h"
#include "options.h"

// The largest errors of section 9.7.3 of the PTX manual: relative ones, and absolute ones of
// sine and cosine (to 2π) and of logarithms of numbers between 1/2 and 2.
const f32 EX2 = 0x1.6a09e6p-23f, RCP = 0x1p-23f, RSQRT = 0x1.125fbep-23f, SQRT = 0x1p-23f, LG2 = 0x1p-22f, SIN = 0x1.6a09e6p-21f,
	TANH = 0x1p-11f, DIV = 0x1p-22f;

// perturbed changes y by up to error·scale, always the same for an argument, as a GPU does:
// a result may depend on what it is computed from, and on nothing else.
INLINE f32 perturbed(f32 y, f32 error, u32 argument, f32 scale) {
	if (!options.perturb) return y;
	u32 h = (argument ^ (u32)options.perturb * 0x9e3779b9u) * 0x85ebca6bu;
	h = (h ^ h >> 15) * 0xc2b2ae35u;
	f32 t = (f32)(i32)(h ^ h >> 13) * 0x1p-31f; // in [-1, 1]
	f32 z = y + scale * (error * t);
	return std::isfinite(y) && std::isfinite(z) ? z : y;
}
INLINE f32 perturbed(f32 y, f32 error, u32 argument) { return perturbed(y, error, argument, y); }

// exp2Near is 2^x to about an ulp.
INLINE f32 exp2Near(f32 x) {
	f32 c = x < -150 ? -150 : x > 129 ? 129 : x; // a NaN is seen below
	f32 n = __builtin_rintf(c), f = c - n;
	f32 p = 1.5353362e-4f;
	p = p * f + 1.3398874e-3f;
	p = p * f + 9.6184370e-3f;
	p = p * f + 5.5503324e-2f;
	p = p * f + 2.4022648e-1f;
	p = p * f + 6.9314720e-1f;
	p = p * f + 1.0f;
	i32 e = (i32)n, e1 = e / 2, e2 = e - e1;
	f32 r = p * fromBits((u32)(e1 + 127) << 23) * fromBits((u32)(e2 + 127) << 23);
	return x != x ? fromBits(NAN32) : r;
}
