// What a tensor core does, with vectors of eight numbers.
#pragma once
#include "number.h"
#include <algorithm>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

typedef u32 Words __attribute__((vector_size(32), may_alias));
typedef f32 Floats __attribute__((vector_size(32), may_alias));

// scaled is a·b + c. Products of 16-bit numbers are exact, so it is the same with and
// without an instruction for both.
INLINE Floats scaled(f32 a, Floats b, Floats c) {
#if defined(__FMA__) && defined(__AVX2__)
	return (Floats)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)b, (__m256)c);
#else
	return b * a + c;
#endif
}

// BfloatPair and HalfPair widen registers that hold two numbers each.
struct BfloatPair {
	INLINE void widen(Words x, Floats& low, Floats& high) {
		low = (Floats)(x << 16);
		high = (Floats)(x & 0xffff0000u);
	}
};
struct HalfPair {
	INLINE void widen(Words x, Floats& low, Floats& high) {
#if defined(__F16C__) && defined(__AVX2__)
		__m256i v = (__m256i)x, both = _mm256_packus_epi32(_mm256_and_si256(v, _mm256_set1_epi32(0xffff)), _mm256_srli_epi32(v, 16));
		__m256 first = _mm256_cvtph_ps(_mm256_castsi256_si128(both)), second = _mm256_cvtph_ps(_mm256_extracti128_si256(both, 1));
		low = (Floats)_mm256_permute2f128_ps(first, second, 0x20);
		high = (Floats)_mm256_permute2f128_ps(first, second, 0x31);
#else
		for (int j = 0; j < 8; j++) low[j] = fromHalf(x[j] & 0xffff), high[j] = fromHalf(x[j] >> 16);
#endif
	}
};

// transposed turns the registers of b, whose lanes are [8 n][4 pairs of k], into one
// vector of n for each pair. Within a vector the even n come first, as in rows of c.
INLINE void transposed(const u32* b, Words (&out)[4]) {
	const Words r0 = *(const Words*)b, r1 = *(const Words*)(b + 8), r2 = *(const Words*)(b + 16), r3 = *(const Words*)(b + 24);
	const Words low = {0, 8, 1, 9, 4, 12, 5, 13}, high = {2, 10, 3, 11, 6, 14, 7, 15};
	const Words first = {0, 1, 8, 9, 4, 5, 12, 13}, second = {2, 3, 10, 11, 6, 7, 14, 15};
	Words p = __builtin_shuffle(r0, r1, low), q = __builtin_shuffle(r2, r3, low);
	out[0] = __builtin_shuffle(p, q, first), out[1] = __builtin_shuffle(p, q, second);
	p = __builtin_shuffle(r0, r1, high), q = __builtin_shuffle(r2, r3, high);
	out[2] = __builtin_shuffle(p, q, first), out[3] = __builtin_shuffle(p, q, second);
}

// A Product is d [16 8] = a [16 8·K]·b [8·K 8] + c, where K is 1 or 2. Register r of lane
// 4g+t holds two numbers of row g, so a register over the lanes is an 8×8 matrix by rows.
// Sums are taken in the order of k.
template <class Pair, int K> struct Product {
	alignas(64) f32 a[2 * K][2][32]; // of each register the lower and the upper numbers
	Floats b[K][8];                  // by k

	void load(const u32* const* ra, const u32* const* rb) {
		for (int r = 0; r < 2 * K; r++)
			for (int j = 0; j < 32; j += 8) Pair::widen(*(const Words*)(ra[r] + j), *(Floats*)(a[r][0] + j), *(Floats*)(a[r][1] + j));
		for (int k = 0; k < K; k++) {
			Words pairs[4];
			transposed(rb[k], pairs);
			for (int t = 0; t < 4; t++) Pair::widen(pairs[t], b[k][2 * t], b[k][2 * t + 1]);
		}
	}

	// half computes rows 8·h to 8·h+7 from the registers even and odd, for even and odd n.
	__attribute__((always_inline)) void half(int h, const f32* even, const f32* odd, f32* outEven, f32* outOdd) const {
		Floats sum[8];
		for (int g = 0; g < 8; g++) memcpy(&sum[g], even + 4 * g, 16), memcpy((char*)&sum[g] + 16, odd + 4 * g, 16);
		for (int k = 0; k < K; k++)
			for (int t = 0; t < 4; t++)
#pragma GCC unroll 8 // so that the sums stay in registers
				for (int g = 0; g < 8; g++) {
					sum[g] = scaled(a[2 * k + h][0][4 * g + t], b[k][2 * t], sum[g]);
					sum[g] = scaled(a[2 * k + h][1][4 * g + t], b[k][2 * t + 1], sum[g]);
				}
		for (int g = 0; g < 8; g++) memcpy(outEven + 4 * g, &sum[g], 16), memcpy(outOdd + 4 * g, (char*)&sum[g] + 16, 16);
	}

	// truncated is half as tensor cores round: of some products and the sum so far, bits
	// below the last ones of the largest are dropped, and those of the result too (Fasi et
	// al. 2021, "Numerical behavior of NVIDIA tensor cores", section 4). An H100 was seen to
	// take all products at once and to keep two bits more than float32 has; for those before
	// it, eight at once and none is the worst that was reported.
	void truncated(bool hopper, int h, const f32* even, const f32* odd, f32* outEven, f32* outOdd) const {
		const int at = hopper ? 8 * K : 8, bits = hopper ? 25 : 23;
		for (int g = 0; g < 8; g++)
			for (int n = 0; n < 8; n++) {
				f32 sum = n < 4 ? even[4 * g + n] : odd[4 * g + n - 4];
				for (int k = 0; k < 8 * K; k += at) sum = step(h, g, n, k, at, bits, sum);
				(n < 4 ? outEven[4 * g + n] : outOdd[4 * g + n - 4]) = sum;
			}
	}

private:
	// step adds the products from k on, count of them.
	f32 step(int h, int g, int n, int k, int count, int bits, f32 sum) const {
		f64 terms[8 * K + 1] = {sum}, most = std::fabs((f64)sum), total = 0;
		for (int j = 0; j < count; j++) {
			int at = k + j;
			terms[j + 1] = (f64)a[2 * (at / 8) + h][at % 2][4 * g + at % 8 / 2] * b[at / 8][at % 8][n];
			most = std::max(most, std::fabs(terms[j + 1]));
		}
		if (most == 0 || !std::isfinite(most)) {
			for (f64 t : terms) total += t;
			return (f32)total;
		}
		f64 quantum = std::ldexp(1.0, std::ilogb(most) - bits);
		for (f64 t : terms) total += std::trunc(t / quantum);
		return towardZero(total * quantum);
	}
};
