// Attention without tensor cores: for float32, and for head widths that those do not
// take, and with masks. The arithmetic is float32's.
#include "attention.cuh"

// A block does 16 queries of one head, each of its four warps four of them, by tiles of
// 32 keys: a lane has a key's score, and two of each 64 columns of the output. PARTS is
// how many times 64 columns a head may have.
template <class T, int PARTS> DEV void plainAttention(const AttentionArgs& p) {
	typedef typename T::Bits Bits;
	constexpr int KEYS = 32, PER = 4;
	__shared__ float tile[KEYS][65];
	extern __shared__ __align__(128) unsigned char smem[];
	float* qs = (float*)smem; // [16][64·PARTS]
	const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
	const int q0 = blockIdx.x * 16, head = blockIdx.y, n = blockIdx.z;
	const Bits* q = (const Bits*)p.q + (size_t)n * p.queries * p.qStride + head * p.d;
	const Bits* k = (const Bits*)p.k + (size_t)n * p.keys * p.kvStride + head * p.d;
	const Bits* v = (const Bits*)p.v + (size_t)n * p.keys * p.kvStride + head * p.d;

	for (int i = tid; i < 16 * 64 * PARTS; i += 128) {
		int row = i / (64 * PARTS), d = i - row * (64 * PARTS);
		qs[i] = q0 + row < p.queries && d < p.d ? T::load(q[(size_t)(q0 + row) * p.qStride + d]) * p.scale : 0.f;
	}
	const Bits* mask = (const Bits*)p.mask + (size_t)n * p.keys;
	// fill reads a part of the keys' or values' columns into the tile.
	auto fill = [&](const Bits* x, int first, int part) {
		__syncthreads();
#pragma unroll 4
		for (int i = tid; i < KEYS * 64; i += 128) {
			int row = i / 64, d = part * 64 + i % 64;
			tile[row][i % 64] = first + row < p.keys && d < p.d ? T::load(x[(size_t)(first + row) * p.kvStride + d]) : 0.f;
		}
		__syncthreads();
	};

	float o[PER][2 * PARTS] = {}, most[PER], sum[PER] = {};
#pragma unroll
	for (int i = 0; i < PER; i++) most[i] = -1e30f;
	const int end = p.causal ? min(p.keys, q0 + 16) : p.keys;
	for (int first = 0; first < end; first += KEYS) {
		float s[PER] = {};
#pragma unroll
		for (int c = 0; c < PARTS; c++) {
			if (c * 64 >= p.d) break;
			fill(k, first, c);
#pragma unroll 4
			for (int d = 0; d < 64; d++) {
				float x = tile[lane][d];
#pragma unroll
				for (int i = 0; i < PER; i++) s[i] = fmaf(qs[(warp * PER + i) * 64 * PARTS + c * 64 + d], x, s[i]);
			}
		}
#pragma unroll
		for (int i = 0; i < PER; i++) {
			int key = first + lane;
			if (key >= p.keys || (p.causal && key > q0 + warp * PER + i) || (p.mask && T::load(mask[key]) == 0)) s[i] = -1e30f;
			float now = fmaxf(most[i], warpMax(s[i])), f = exp2Fast(most[i] - now);
			most[i] = now;
			s[i] = exp2Fast(s[i] - now);
			sum[i] = fmaf(sum[i], f, warpSum(s[i]));
#pragma unroll
			for (int d = 0; d < 2 * PARTS; d++) o[i][d] *= f;
		}
#pragma unroll
		for (int c = 0; c < PARTS; c++) {
			if (c * 64 >= p.d) break;
			fill(v, first, c);
#pragma unroll 4
			for (int j = 0; j < KEYS; j++) {
				float a = tile[j][lane], b = tile[j][lane + 32];
#pragma unroll
				for (int i = 0; i < PER; i++) {
					float w = __shfl_sync(0xffffffffu, s[i], j);
					o[i][2 * c] = fmaf(w, a, o[i][2 * c]);
					o[i][2 * c + 1] = fmaf(w, b, o[i][2 * c + 1]);
				}
			}
		}
	}
#pragma unroll
	for (int i = 0; i < PER; i++) {
		int row = q0 + warp * PER + i;
		if (row >= p.queries) continue;
		Bits* out = (Bits*)p.out + ((size_t)n * p.queries + row) * p.outStride + head * p.d;
		if (most[i] < -9e29f) sum[i] = __int_as_float(0x7fffffff); // no key is seen: no number
#pragma unroll
		for (int c = 0; c < 2 * PARTS; c++) {
			int d = c * 32 + lane;
			if (d < p.d) out[d] = T::store(o[i][c] / sum[i]);
		}
	}
}

#define PLAIN(T, t, PARTS) KERNEL(plain_attention_##PARTS##_##t, 128, AttentionArgs) { plainAttention<T, PARTS>(p); }
#define PLAINS(T, t) PLAIN(T, t, 1) PLAIN(T, t, 3) PLAIN(T, t, 8)
EACH_TYPE(PLAINS)
