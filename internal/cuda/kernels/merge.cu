// Token merging (Bolya and Hoffman 2023): which tokens of an image are most like others,
// their means, and the way back. Package kernel says how.
#include "each.cuh"

struct MatchArgs {
	const void* x;      // [N tokens C]
	const float* times; // [N]
	float* inverse;     // [N tokens]: one over the length of each
	u32* scores;        // [N tokens]: how like its best destination a token is, in the order of numbers
	int* best;          // [N tokens]: that, a cell, or -1 of a destination
	u32* merged;        // [N tokens]: 1 if it is merged
	void* match;        // [N tokens]: the row of each; whole numbers of the type's size, not of the type
	int h, w, c, merge;
	u32 salt, reserved;
};

DEV u32 mix(u32 h, u32 v) {
	h ^= v;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

// destination is the token of a cell of 2×2 that others may be merged into.
DEV int destination(const MatchArgs& p, float time, int cell) {
	const int at = mix(mix(mix(0, __float_as_uint(time)), cell), p.salt) & 3, columns = p.w / 2;
	return (cell / columns * 2 + at / 2) * p.w + cell % columns * 2 + at % 2;
}
DEV bool isDestination(const MatchArgs& p, float time, int token) {
	const int y = token / p.w / 2, x = token % p.w / 2;
	return y < p.h / 2 && x < p.w / 2 && destination(p, time, y * (p.w / 2) + x) == token;
}

// lengths has a warp for each token. grid: (tokens/8, N).
template <class T> DEV void lengths(const MatchArgs& p) {
	const int lane = threadIdx.x & 31, tokens = p.h * p.w, token = blockIdx.x * 8 + (threadIdx.x >> 5);
	if (token >= tokens) return;
	const size_t at = (size_t)blockIdx.y * tokens + token;
	float s = 0;
	for (int c = lane; c < p.c; c += 32) {
		const float v = T::load(((const typename T::Bits*)p.x)[at * p.c + c]);
		s = fmaf(v, v, s);
	}
	s = warpSum(s);
	if (lane == 0) p.inverse[at] = s == 0 ? 0 : 1 / sqrtf(s);
}

// bestOf compares 64 tokens with all destinations, 64 at a time, by products of 16 numbers at
// a time; a thread has four of each. grid: (tokens/64, N).
template <class T> DEV void bestOf(const MatchArgs& p) {
	typedef typename T::Bits Bits;
	constexpr int B = 64, K = 16;
	__shared__ float as[K][B + 4], bs[K][B + 4];
	const int tid = threadIdx.x, tokens = p.h * p.w, cells = (p.h / 2) * (p.w / 2), m0 = blockIdx.x * B;
	const int tm = tid / 16 * 4, tn = tid % 16 * 4, k = tid % 8, r = tid / 8;
	const float time = p.times[blockIdx.y], *inverse = p.inverse + (size_t)blockIdx.y * tokens;
	const Bits* x = (const Bits*)p.x + (size_t)blockIdx.y * tokens * p.c;
	float most[4];
	int best[4];
#pragma unroll
	for (int i = 0; i < 4; i++) most[i] = -__int_as_float(0x7f800000), best[i] = 0;
	for (int n0 = 0; n0 < cells; n0 += B) {
		int dest[2];
#pragma unroll
		for (int i = 0; i < 2; i++) dest[i] = n0 + r + 32 * i < cells ? destination(p, time, n0 + r + 32 * i) : -1;
		float acc[4][4] = {};
		for (int k0 = 0; k0 < p.c; k0 += K) {
#pragma unroll
			for (int h = 0; h < K; h += 8) {
				const int kk = k0 + k + h;
#pragma unroll
				for (int i = 0; i < 2; i++) {
					const int row = m0 + r + 32 * i;
					as[k + h][r + 32 * i] = row < tokens && kk < p.c ? T::load(x[(size_t)row * p.c + kk]) : 0.f;
					bs[k + h][r + 32 * i] = dest[i] >= 0 && kk < p.c ? T::load(x[(size_t)dest[i] * p.c + kk]) : 0.f;
				}
			}
			__syncthreads();
#pragma unroll
			for (int j = 0; j < K; j++) {
				const float4 a = *(const float4*)&as[j][tm], b = *(const float4*)&bs[j][tn];
				const float av[4] = {a.x, a.y, a.z, a.w}, bv[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
				for (int i = 0; i < 4; i++)
#pragma unroll
					for (int l = 0; l < 4; l++) acc[i][l] = fmaf(av[i], bv[l], acc[i][l]);
			}
			__syncthreads();
		}
#pragma unroll
		for (int l = 0; l < 4; l++) {
			const int cell = n0 + tn + l;
			if (cell >= cells) break;
			const float scale = inverse[destination(p, time, cell)];
#pragma unroll
			for (int i = 0; i < 4; i++)
				if (acc[i][l] * scale > most[i]) most[i] = acc[i][l] * scale, best[i] = cell;
		}
	}
#pragma unroll
	for (int i = 0; i < 4; i++) {
#pragma unroll
		for (int d = 8; d > 0; d >>= 1) { // the 16 threads of the same tokens; of two as like, the first
			const float other = __shfl_xor_sync(0xffffffffu, most[i], d);
			const int at = __shfl_xor_sync(0xffffffffu, best[i], d);
			if (other > most[i] || other == most[i] && at < best[i]) most[i] = other, best[i] = at;
		}
		const int token = m0 + tm + i;
		if (tn != 0 || token >= tokens) continue;
		const u32 bits = __float_as_uint(most[i] * inverse[token]);
		const size_t at = (size_t)blockIdx.y * tokens + token;
		p.scores[at] = bits >> 31 ? ~bits : bits | 1u << 31;
		p.best[at] = isDestination(p, time, token) ? -1 : best[i];
	}
}

DEV int warpCount(int n) {
#pragma unroll
	for (int i = 16; i > 0; i >>= 1) n += __shfl_xor_sync(0xffffffffu, n, i);
	return n;
}

// chosen says of each token, a warp each, whether it is one of those that are merged: fewer
// are more like their destination. grid: (tokens/8, N).
DEV void chosen(const MatchArgs& p) {
	const int lane = threadIdx.x & 31, tokens = p.h * p.w, token = blockIdx.x * 8 + (threadIdx.x >> 5);
	if (token >= tokens) return;
	const size_t base = (size_t)blockIdx.y * tokens;
	const u32 score = p.scores[base + token];
	int before = 0;
	for (int j = lane; j < tokens; j += 32) {
		const u32 other = p.scores[base + j];
		before += p.best[base + j] >= 0 && (other > score || other == score && j < token);
	}
	before = warpCount(before);
	if (lane == 0) p.merged[base + token] = p.best[base + token] >= 0 && before < p.merge;
}

// rows numbers the tokens that remain, and gives others the row of their destination, a warp
// for each. grid: (tokens/8, N).
template <class T> DEV void rows(const MatchArgs& p) {
	const int lane = threadIdx.x & 31, tokens = p.h * p.w, token = blockIdx.x * 8 + (threadIdx.x >> 5);
	if (token >= tokens) return;
	const size_t base = (size_t)blockIdx.y * tokens;
	const int into = p.merged[base + token] ? destination(p, p.times[blockIdx.y], p.best[base + token]) : token;
	int row = 0;
	for (int j = lane; j < into; j += 32) row += !p.merged[base + j];
	row = warpCount(row);
	if (lane != 0) return;
	if (sizeof(typename T::Bits) == 4) ((u32*)p.match)[base + token] = row;
	else ((u16*)p.match)[base + token] = (u16)row;
}

template <class T> DEV u32 rowOf(const void* match, size_t at) {
	return sizeof(typename T::Bits) == 4 ? ((const u32*)match)[at] : ((const u16*)match)[at];
}

// mergeTokens makes a row of the tokens a [N y x] that b [N y] sends to it: 256 channels a
// block, which looks at 256 tokens at a time. grid: (z rows, x/256, N).
template <class T> DEV void mergeTokens(const EachArgs& p) {
	typedef typename T::Bits Bits;
	__shared__ u32 masks[2][8];
	const u32 c = blockIdx.y * 256 + threadIdx.x;
	const Bits* a = (const Bits*)p.a + (size_t)blockIdx.z * p.y * p.x + c;
	float sum = 0, n = 0;
	for (u32 from = 0, turn = 0; from < p.y; from += 256, turn ^= 1) {
		const u32 token = from + threadIdx.x;
		const bool mine = token < p.y && rowOf<T>(p.b, (size_t)blockIdx.z * p.y + token) == blockIdx.x;
		const u32 mask = __ballot_sync(0xffffffffu, mine);
		if ((threadIdx.x & 31) == 0) masks[turn][threadIdx.x >> 5] = mask;
		__syncthreads();
		for (u32 w = 0; w < 8; w++)
			for (u32 left = masks[turn][w]; left; left &= left - 1) {
				const u32 t = from + w * 32 + __ffs(left) - 1;
				if (c < p.x) sum += T::load(a[(size_t)t * p.x]);
				n++;
			}
	}
	if (c < p.x) ((Bits*)p.out)[((size_t)blockIdx.z * p.z + blockIdx.x) * p.x + c] = T::store(sum / n);
}

// eachUnmerge gives each of y tokens its row of a [N z x·V], as b [N y] says, plus c or
// nothing if that is null.
template <class T, int V> DEV void eachUnmerge(const EachArgs& p) {
	AT;
	const u32 token = i / p.x, d = i - token * p.x, row = min(rowOf<T>(p.b, token), p.z - 1);
	float a[V], b[V];
	read<T, V>(a, p.a, ((size_t)(token / p.y * p.z + row) * p.x + d) * V);
	if (p.c) {
		read<T, V>(b, p.c, at);
#pragma unroll
		for (int j = 0; j < V; j++) a[j] += b[j];
	}
	write<T, V>(p.out, at, a);
}

#define MERGES(T, t) \
	KERNEL(match_lengths_##t, 256, MatchArgs) { lengths<T>(p); } \
	KERNEL(match_best_##t, 256, MatchArgs) { bestOf<T>(p); } \
	KERNEL(match_chosen_##t, 256, MatchArgs) { chosen(p); } \
	KERNEL(match_rows_##t, 256, MatchArgs) { rows<T>(p); } \
	KERNEL(merge_tokens_##t, 256, EachArgs) { mergeTokens<T>(p); } \
	EACH(unmerge_tokens, eachUnmerge, T, t, 4)
EACH_TYPE(MERGES)
