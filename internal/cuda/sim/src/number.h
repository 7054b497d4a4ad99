// Number formats: float32 to and from its bits, float16 and bfloat16, all without
// branches, so that loops over lanes become vectors.
#pragma once
#include "base.h"
#include <cmath>

INLINE f32 fromBits(u32 x) { f32 f; memcpy(&f, &x, 4); return f; }
INLINE u32 bitsOf(f32 f) { u32 x; memcpy(&x, &f, 4); return x; }
INLINE u64 bitsOf64(f64 f) { u64 x; memcpy(&x, &f, 8); return x; }
INLINE f64 fromBits64(u64 x) { f64 f; memcpy(&f, &x, 8); return f; }

// The NaN that arithmetic gives, whatever its operands' payload.
const u32 NAN32 = 0x7fffffff;

INLINE f32 fromHalf(u32 h) {
	u32 rest = (h & 0x7fff) << 13, normal = rest + (112u << 23);
	u32 tiny = bitsOf(fromBits(rest + (113u << 23)) - 0x1p-14f); // of a subnormal number
	u32 top = normal + (112u << 23);                             // of infinity and NaN
	u32 x = rest < 1u << 23 ? tiny : rest >= 31u << 23 ? top : normal;
	return fromBits(x | (h & 0x8000) << 16);
}

INLINE u32 toHalf(f32 f) {
	u32 x = bitsOf(f), sign = x >> 16 & 0x8000, a = x & NAN32;
	u32 normal = (a - (112u << 23) + 0xfff + (a >> 13 & 1)) >> 13;
	u32 tiny = bitsOf(fromBits(a) + 0.5f) - bitsOf(0.5f); // the sum rounds at 2^-24
	u32 h = a < 113u << 23 ? tiny : normal;
	h = a >= 0x477ff000 ? 0x7c00 : h; // 65520 and more
	return a > 0x7f800000 ? 0x7fff : h | sign;
}

INLINE f32 fromBfloat(u32 h) { return fromBits(h << 16); }

INLINE u32 toBfloat(f32 f) {
	u32 x = bitsOf(f), h = (x + 0x7fff + (x >> 16 & 1)) >> 16;
	return (x & NAN32) > 0x7f800000 ? 0x7fff : h;
}

// toOdd narrows to float32 so that a second rounding, to 16 bits, comes out as if it
// were the only one: an inexact result gets an odd last bit.
INLINE f32 toOdd(f64 d) {
	f32 f = (f32)d;
	if ((f64)f == d || d != d || std::isinf(f)) return f;
	u32 x = bitsOf(f);
	return x & 1 ? f : fromBits(std::fabs((f64)f) > std::fabs(d) ? x - 1 : x + 1);
}

// towardZero narrows to float32 by dropping bits.
INLINE f32 towardZero(f64 d) {
	f32 f = (f32)d;
	return std::fabs((f64)f) > std::fabs(d) ? fromBits(bitsOf(f) - 1) : f;
}

// flush is what .ftz does: a subnormal number becomes a zero of its sign.
INLINE f32 flush(f32 f) {
	u32 x = bitsOf(f);
	return fromBits((x & NAN32) < 0x00800000 ? x & 0x80000000 : x);
}
