// Attention on tensor cores by tiles of keys with a running softmax: flash attention.
#include "attention.cuh"

// The tiles lie in shared memory as rows of CH chunks of 16 bytes, eight of which fill the
// banks. Within each GROUP of them, the largest power of two that divides the row, they
// change places from row to row, so that neither eight in a row nor the same one of eight
// rows lie in the same banks. Where eights are whole rows, a ROW, in bytes, is longer by a
// chunk instead.
template <int CH> struct Chunks {
	static constexpr int GROUP = CH % 8 == 0 ? 1 : CH % 4 == 0 ? 4 : CH % 2 == 0 ? 2 : 1;
	static constexpr int ROW = 16 * (CH % 8 == 0 ? CH + 1 : CH);
};
// turn says how a row's change places, and swizzled is where a chunk lies in it, in bytes.
template <int CH> DEV int turn(int row) { return row / (8 / Chunks<CH>::GROUP) % Chunks<CH>::GROUP; }
template <int CH> DEV u32 swizzled(int turn, int chunk) {
	constexpr int GROUP = Chunks<CH>::GROUP;
	return (u32)(chunk / GROUP * GROUP * 16 + (chunk % GROUP ^ turn) * 16);
}

// A block does 16·WARPS queries of one head; each warp 16 of them. BN keys at a time.
template <class T, int D, int WARPS, int BN>
DEV void attention(const AttentionArgs& p) {
	constexpr int DK = (D + 15) / 16 * 16, KT = DK / 16, DT = D / 8, BM = 16 * WARPS, THREADS = 32 * WARPS;
	constexpr int CH = DK / 8, ROW = Chunks<CH>::ROW, NT = BN / 8;
	extern __shared__ __align__(128) unsigned char smem[];
	const u32 qs = smemAddr(smem), ks = qs + BM * ROW, vs = ks + 2 * BN * ROW;
	const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
	const int q0 = blockIdx.x * BM, head = blockIdx.y, n = blockIdx.z;
	const u16* q = (const u16*)p.q + (size_t)n * p.queries * p.qStride + head * D;
	const u16* k = (const u16*)p.k + (size_t)n * p.keys * p.kvStride + head * D;
	const u16* v = (const u16*)p.v + (size_t)n * p.keys * p.kvStride + head * D;

	auto tile = [&](u32 dst, const u16* src, int first, int rows, int limit, int stride) {
		for (int j = tid; j < rows * CH; j += THREADS) {
			int row = j / CH, chunk = j - row * CH;
			bool valid = first + row < limit && chunk * 8 < D;
			copy16(dst + row * ROW + swizzled<CH>(turn<CH>(row), chunk), src + (valid ? (size_t)(first + row) * stride + chunk * 8 : 0), valid);
		}
	};
	tile(qs, q, q0, BM, p.queries, p.qStride);
	tile(ks, k, 0, BN, p.keys, p.kvStride);
	tile(vs, v, 0, BN, p.keys, p.kvStride);
	copyCommit();
	copyWait<0>();
	__syncthreads();

	const int turned = turn<CH>(lane & 7); // of all rows that this lane reads
	u32 qf[KT][4];
#pragma unroll
	for (int i = 0; i < KT; i++) ldmatrix4(qf[i], qs + (warp * 16 + (lane & 15)) * ROW + swizzled<CH>(turned, i * 2 + (lane >> 4)));

	float o[DT][4] = {}, most[2] = {-1e30f, -1e30f}, sum[2] = {};
	const int row = q0 + warp * 16 + (lane >> 2);
	int end = p.keys;
	if (p.causal) end = min(end, q0 + BM);
	const int tiles = (end + BN - 1) / BN;
	for (int t = 0; t < tiles; t++) {
		const u32 kt = ks + (t & 1) * BN * ROW, vt = vs + (t & 1) * BN * ROW;
		if (t > 0) {
			copyWait<0>();
			__syncthreads();
		}
		if (t + 1 < tiles) {
			tile(ks + (t + 1 & 1) * BN * ROW, k, (t + 1) * BN, BN, p.keys, p.kvStride);
			tile(vs + (t + 1 & 1) * BN * ROW, v, (t + 1) * BN, BN, p.keys, p.kvStride);
		}
		copyCommit();

		float s[NT][4] = {};
#pragma unroll
		for (int i = 0; i < KT; i++)
#pragma unroll
			for (int j = 0; j < NT; j += 2) {
				u32 r[4], b0[2], b1[2];
				ldmatrix4(r, kt + (j * 8 + (lane & 7) + (lane >> 4) * 8) * ROW + swizzled<CH>(turned, i * 2 + (lane >> 3 & 1)));
				b0[0] = r[0], b0[1] = r[1], b1[0] = r[2], b1[1] = r[3];
				T::mma(s[j], qf[i], b0);
				T::mma(s[j + 1], qf[i], b1);
			}

		const bool edge = (t + 1) * BN > p.keys || p.causal && (t + 1) * BN > q0;
		float now[2] = {most[0], most[1]};
#pragma unroll
		for (int j = 0; j < NT; j++)
#pragma unroll
			for (int e = 0; e < 4; e++) {
				float x = s[j][e] * p.scale;
				if (edge) {
					int key = t * BN + j * 8 + (lane & 3) * 2 + (e & 1);
					if (key >= p.keys || p.causal && key > row + (e >> 1) * 8) x = -1e30f;
				}
				s[j][e] = x;
				now[e >> 1] = fmaxf(now[e >> 1], x);
			}
#pragma unroll
		for (int h = 0; h < 2; h++) {
			now[h] = fmaxf(now[h], __shfl_xor_sync(0xffffffffu, now[h], 1));
			now[h] = fmaxf(now[h], __shfl_xor_sync(0xffffffffu, now[h], 2));
			float f = exp2Fast(most[h] - now[h]);
			most[h] = now[h];
			sum[h] *= f;
#pragma unroll
			for (int d = 0; d < DT; d++) o[d][2 * h] *= f, o[d][2 * h + 1] *= f;
		}
#pragma unroll
		for (int j = 0; j < NT; j++)
#pragma unroll
			for (int e = 0; e < 4; e++) {
				s[j][e] = exp2Fast(s[j][e] - most[e >> 1]);
				sum[e >> 1] += s[j][e];
			}
#pragma unroll
		for (int i = 0; i < BN / 16; i++) {
			u32 a[4] = {T::pack(s[2 * i][0], s[2 * i][1]), T::pack(s[2 * i][2], s[2 * i][3]),
			            T::pack(s[2 * i + 1][0], s[2 * i + 1][1]), T::pack(s[2 * i + 1][2], s[2 * i + 1][3])};
#pragma unroll
			for (int d = 0; d < DT; d++) {
				u32 b[2];
				ldmatrix2t(b, vt + (i * 16 + (lane & 15)) * ROW + swizzled<CH>(turned, d));
				T::mma(o[d], a, b);
			}
		}
		if (t + 1 < tiles) __syncthreads();
	}
#pragma unroll
	for (int h = 0; h < 2; h++) {
		sum[h] += __shfl_xor_sync(0xffffffffu, sum[h], 1);
		sum[h] += __shfl_xor_sync(0xffffffffu, sum[h], 2);
		int r = row + 8 * h;
		if (r >= p.queries) continue;
		float f = 1 / sum[h];
		u16* out = (u16*)p.out + ((size_t)n * p.queries + r) * p.outStride + head * D + (lane & 3) * 2;
#pragma unroll
		for (int d = 0; d < DT; d++) *(u32*)(out + d * 8) = T::pack(o[d][2 * h] * f, o[d][2 * h + 1] * f);
	}
}

#define ATTENTION(T, t, D, W, BN) \
	KERNEL(attention_##D##_##t, 32 * W, AttentionArgs) { attention<T, D, W, BN>(p); }

// The head widths and tiles stand in package device, too.
#define WIDTHS(T, t) ATTENTION(T, t, 40, 4, 64) ATTENTION(T, t, 64, 4, 64) ATTENTION(T, t, 80, 4, 64) ATTENTION(T, t, 160, 4, 32)
EACH_HALF(WIDTHS)
