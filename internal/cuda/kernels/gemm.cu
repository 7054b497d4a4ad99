// The matrix product on tensor cores, and convolution as one whose left operand is
// gathered from the image while it is read (implicit GEMM, channels last). It wants K, or
// the image's channels, in whole eights, and N even.
#include "product.cuh"

// Dense is a left operand that lies in memory as it is. ROWS of its rows are read by a
// thread, all at one place of K.
template <int ROWS> struct Dense {
	const u16* at[ROWS];
	int k, end;
	DEV void init(Dense& d, const ProductArgs& p, const int (&row)[ROWS], int k0) {
#pragma unroll
		for (int i = 0; i < ROWS; i++) d.at[i] = row[i] < p.m ? (const u16*)p.a + (size_t)row[i] * p.k : nullptr;
		d.k = k0, d.end = p.k;
	}
	DEV const u16* src(const Dense& d, const ProductArgs& p, int i, bool& valid) {
		valid = d.at[i] && d.k < d.end;
		return valid ? d.at[i] + d.k : (const u16*)p.a;
	}
	DEV void step(Dense& d, const ProductArgs&, int bk) { d.k += bk; }
};

// Image is the left operand of a convolution. A thread keeps the addresses of the pixels
// that its rows see at a tap, and computes them anew when it comes to the next.
template <int ROWS> struct Image {
	Pixel px[ROWS];
	const u16* at[ROWS]; // of the tap's pixel, or null outside
	int k, tapY, tapX, ch; // k = (tapY·kw + tapX)·c + ch
	DEV void init(Image& d, const ProductArgs& p, const int (&row)[ROWS], int k0) {
#pragma unroll
		for (int i = 0; i < ROWS; i++) d.px[i] = row[i] < p.m ? Pixel::of(p, row[i]) : Pixel{0, -1 << 20, 0};
		int tap = k0 / p.c;
		d.k = k0, d.ch = k0 - tap * p.c, d.tapY = tap / p.kw, d.tapX = tap - d.tapY * p.kw;
		look(d, p);
	}
	DEV void look(Image& d, const ProductArgs& p) {
#pragma unroll
		for (int i = 0; i < ROWS; i++) {
			bool valid;
			size_t at = d.px[i].at(p, d.tapY, d.tapX, valid);
			d.at[i] = valid ? (const u16*)p.a + at : nullptr;
		}
	}
	DEV const u16* src(const Image& d, const ProductArgs& p, int i, bool& valid) {
		valid = d.at[i] && d.k < p.k;
		return valid ? d.at[i] + d.ch : (const u16*)p.a;
	}
	DEV void step(Image& d, const ProductArgs& p, int bk) {
		d.k += bk, d.ch += bk;
		if (d.ch < p.c) return;
		do {
			d.ch -= p.c;
			if (++d.tapX == p.kw) d.tapX = 0, d.tapY++;
		} while (d.ch >= p.c);
		look(d, p);
	}
};

// A block computes BM×BN outputs with WARPS_M×WARPS_N warps. BK numbers of K at a time
// lie in shared memory, STAGES of them, as rows of BK whose 16-byte chunks are permuted
// so that the eight rows of an ldmatrix lie in different banks.
template <class T, template <int> class Operand, int BM, int BN, int BK, int WARPS_M, int WARPS_N, int STAGES>
DEV void product(const ProductArgs& p) {
	constexpr int THREADS = 32 * WARPS_M * WARPS_N, CHUNKS = BK / 8;
	constexpr int WM = BM / WARPS_M, WN = BN / WARPS_N, MT = WM / 16, NT = WN / 8;
	constexpr int STAGE = (BM + BN) * BK * 2; // bytes
	constexpr int AROWS = BM * CHUNKS / THREADS, BROWS = (BN * CHUNKS + THREADS - 1) / THREADS, APART = THREADS / CHUNKS;
	static_assert(BM * CHUNKS % THREADS == 0 && THREADS % CHUNKS == 0 && WM % 16 == 0 && WN % 16 == 0, "tile");
	extern __shared__ __align__(128) unsigned char smem[];
	const u32 base = smemAddr(smem);
	const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
	const int wm = warp % WARPS_M * WM, wn = warp / WARPS_M * WN;
	const int m0 = blockIdx.y * BM, n0 = blockIdx.x * BN;
	const int chunk = tid % CHUNKS, row0 = tid / CHUNKS; // what this thread copies

	auto swizzle = [](int row, int chunk) {
		int x = CHUNKS == 8 ? row & 7 : row >> 1 & 3;
		return (u32)((row * CHUNKS + (chunk ^ x)) * 16);
	};
	const int all = (p.k + BK - 1) / BK, first = blockIdx.z * p.steps, steps = min(p.steps, all - first);
	Operand<AROWS> a;
	Dense<BROWS> b;
	int rows[AROWS], cols[BROWS];
#pragma unroll
	for (int i = 0; i < AROWS; i++) rows[i] = m0 + row0 + i * APART;
	Operand<AROWS>::init(a, p, rows, first * BK + chunk * 8);
#pragma unroll
	for (int i = 0; i < BROWS; i++) {
		cols[i] = n0 + row0 + i * APART;
		b.at[i] = cols[i] < p.n ? (const u16*)p.w + (size_t)cols[i] * p.k : nullptr;
	}
	b.k = first * BK + chunk * 8, b.end = p.k;

	auto load = [&](int stage) {
		u32 at = base + stage * STAGE;
		bool valid;
#pragma unroll
		for (int i = 0; i < AROWS; i++) {
			const u16* src = Operand<AROWS>::src(a, p, i, valid);
			copy16(at + swizzle(row0 + i * APART, chunk), src, valid);
		}
		at += BM * BK * 2;
#pragma unroll
		for (int i = 0; i < BROWS; i++) {
			if (BN * CHUNKS % THREADS != 0 && row0 + i * APART >= BN) break;
			const u16* src = Dense<BROWS>::src(b, p, i, valid);
			copy16(at + swizzle(row0 + i * APART, chunk), valid ? src : (const u16*)p.w, valid);
		}
		Operand<AROWS>::step(a, p, BK);
		b.k += BK;
	};

	float acc[MT][NT][4] = {};
#pragma unroll
	for (int s = 0; s < STAGES - 1; s++) {
		if (s < steps) load(s);
		copyCommit();
	}
	int stage = 0, into = STAGES - 1;
	for (int step = 0; step < steps; step++) {
		copyWait<STAGES - 2>();
		__syncthreads();
		if (step + STAGES - 1 < steps) load(into);
		copyCommit();
		const u32 as = base + stage * STAGE, bs = as + BM * BK * 2;
		u32 fa[2][MT][4], fb[2][NT][2];
		auto fetch = [&](int kk, u32 (&fa)[MT][4], u32 (&fb)[NT][2]) {
#pragma unroll
			for (int i = 0; i < MT; i++)
				ldmatrix4(fa[i], as + swizzle(wm + i * 16 + (lane & 15), kk * 2 + (lane >> 4)));
#pragma unroll
			for (int j = 0; j < NT; j += 2) {
				u32 r[4];
				ldmatrix4(r, bs + swizzle(wn + j * 8 + (lane & 7) + (lane >> 4) * 8, kk * 2 + (lane >> 3 & 1)));
				fb[j][0] = r[0], fb[j][1] = r[1], fb[j + 1][0] = r[2], fb[j + 1][1] = r[3];
			}
		};
		fetch(0, fa[0], fb[0]);
#pragma unroll
		for (int kk = 0; kk < BK / 16; kk++) {
			if (kk + 1 < BK / 16) fetch(kk + 1, fa[(kk + 1) & 1], fb[(kk + 1) & 1]);
#pragma unroll
			for (int i = 0; i < MT; i++)
#pragma unroll
				for (int j = 0; j < NT; j++) T::mma(acc[i][j], fa[kk & 1][i], fb[kk & 1][j]);
		}
		stage = stage + 1 == STAGES ? 0 : stage + 1;
		into = into + 1 == STAGES ? 0 : into + 1;
#if __CUDA_ARCH__ < 800
		__syncthreads();
#endif
	}

#pragma unroll
	for (int i = 0; i < MT; i++)
#pragma unroll
		for (int half = 0; half < 2; half++) {
			int row = m0 + wm + i * 16 + half * 8 + (lane >> 2);
			if (row >= p.m) continue;
			const size_t sample = p.perSample ? (size_t)(row / p.rows) * p.n : 0;
#pragma unroll
			for (int j = 0; j < NT; j++) {
				int col = n0 + wn + j * 8 + (lane & 3) * 2;
				if (col >= p.n) continue;
				float x = acc[i][j][half * 2], y = acc[i][j][half * 2 + 1];
				size_t at = (size_t)row * p.n + col;
				if (p.part) {
					*(float2*)(p.part + blockIdx.z * ((size_t)p.m * p.n) + at) = make_float2(x, y);
					continue;
				}
				if (p.bias) {
					float2 b = *(const float2*)(p.bias + col);
					x += b.x, y += b.y;
				}
				if (p.perSample) {
					u32 r = *(const u32*)((const u16*)p.perSample + sample + col);
					x += T::load((u16)r), y += T::load((u16)(r >> 16));
				}
				x = swish(p.slope, x), y = swish(p.slope, y);
				if (p.residual) {
					u32 r = *(const u32*)((const u16*)p.residual + at);
					x += T::load((u16)r), y += T::load((u16)(r >> 16));
				}
				*(u32*)((u16*)p.out + at) = T::pack(x, y);
			}
		}
}

#define PRODUCT(T, t, BM, BN, BK, WM, WN, ST) \
	KERNEL(gemm_##BM##x##BN##_##t, 32 * WM * WN, ProductArgs) { product<T, Dense, BM, BN, BK, WM, WN, ST>(p); } \
	KERNEL(conv_##BM##x##BN##_##t, 32 * WM * WN, ProductArgs) { product<T, Image, BM, BN, BK, WM, WN, ST>(p); }

// The tiles stand in package device, too. The wide ones, whose warps have 64 rows and 64 or
// 80 columns so that they read less of shared memory, do not fit sm_75's registers.
#if __CUDA_ARCH__ >= 800
#define TILES(T, t) PRODUCT(T, t, 128, 160, 32, 2, 2, 4) PRODUCT(T, t, 128, 128, 64, 2, 2, 3) PRODUCT(T, t, 128, 64, 64, 2, 2, 3) PRODUCT(T, t, 64, 64, 64, 2, 2, 3)
#else
#define TILES(T, t) PRODUCT(T, t, 128, 64, 64, 2, 2, 2) PRODUCT(T, t, 64, 64, 64, 2, 2, 2)
#endif
EACH_HALF(TILES)

// reduce adds the partial sums of the splits up, in their order.
template <class T> DEV void reduce(const ProductArgs& p, int splits) {
	size_t all = (size_t)p.m * p.n;
	for (size_t i = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * 2; i < all; i += (size_t)gridDim.x * blockDim.x * 2) {
		float s[2], v[2];
		read<F32, 2>(s, p.part, i);
		for (int j = 1; j < splits; j++) {
			read<F32, 2>(v, p.part, j * all + i);
			s[0] += v[0], s[1] += v[1];
		}
		int row = (int)(i / p.n);
		epilogue<T>(p, s, row, (int)(i - (size_t)row * p.n));
	}
}
#define REDUCE(T, t) KERNEL(reduce_##t, 256, ProductArgs) { reduce<T>(p, p.steps); }
EACH_HALF(REDUCE)
