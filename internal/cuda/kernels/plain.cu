// The matrix product and convolution without tensor cores: for float32, and for sizes
// that those do not take.
#include "product.cuh"

// A block of 256 threads computes 64×64 outputs, a thread 4×4, 16 of K at a time.
template <class T, bool CONV> DEV void plain(const ProductArgs& p) {
	typedef typename T::Bits Bits;
	constexpr int B = 64, K = 16;
	__shared__ float as[K][B + 4], bs[K][B + 4];
	const int tid = threadIdx.x, m0 = blockIdx.y * B, n0 = blockIdx.x * B;
	const int tm = tid / 16 * 4, tn = tid % 16 * 4;
	const int k = tid % 8, r = tid / 8; // what this thread reads: k and k+8 of rows r and r+32
	Pixel px[2];
	if (CONV) {
#pragma unroll
		for (int i = 0; i < 2; i++) px[i] = Pixel::of(p, m0 + r + 32 * i);
	}
	float acc[4][4] = {};
	for (int k0 = 0; k0 < p.k; k0 += K) {
#pragma unroll
		for (int h = 0; h < K; h += 8) {
			const int kk = k0 + k + h, tap = CONV ? kk / p.c : 0, ch = kk - tap * p.c, ty = CONV ? tap / p.kw : 0, tx = tap - ty * p.kw;
#pragma unroll
			for (int i = 0; i < 2; i++) {
				int row = m0 + r + 32 * i, col = n0 + r + 32 * i;
				bool valid = true;
				size_t at = CONV ? px[i].at(p, ty, tx, valid) + ch : (size_t)row * p.k + kk;
				as[k + h][r + 32 * i] = valid && row < p.m && kk < p.k ? T::load(((const Bits*)p.a)[at]) : 0.f;
				bs[k + h][r + 32 * i] = col < p.n && kk < p.k ? T::load(((const Bits*)p.w)[(size_t)col * p.k + kk]) : 0.f;
			}
		}
		__syncthreads();
#pragma unroll
		for (int j = 0; j < K; j++) {
			float4 a = *(const float4*)&as[j][tm], b = *(const float4*)&bs[j][tn];
			float av[4] = {a.x, a.y, a.z, a.w}, bv[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
			for (int x = 0; x < 4; x++)
#pragma unroll
				for (int y = 0; y < 4; y++) acc[x][y] = fmaf(av[x], bv[y], acc[x][y]);
		}
		__syncthreads();
	}
#pragma unroll
	for (int x = 0; x < 4; x++) {
		const int row = m0 + tm + x, col = n0 + tn;
		if (row >= p.m) break;
		if (p.n % 4 == 0) {
			if (col < p.n) epilogue<T>(p, acc[x], row, col);
			continue;
		}
#pragma unroll
		for (int y = 0; y < 4; y++) {
			float one[1] = {acc[x][y]};
			if (col + y < p.n) epilogue<T>(p, one, row, col + y);
		}
	}
}

#define PLAIN(T, t) \
	KERNEL(plain_gemm_##t, 256, ProductArgs) { plain<T, false>(p); } \
	KERNEL(plain_conv_##t, 256, ProductArgs) { plain<T, true>(p); }
EACH_TYPE(PLAIN)
