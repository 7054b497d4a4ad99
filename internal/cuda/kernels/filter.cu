// Filters of images that have no weights, and sums over pixels.
#include "each.cuh"

// eachAverage halves an image [N x y z·V] to [N w s z·V]: each pixel is the mean of two by
// two, or of those of them that there are.
template <class T, int V> DEV void eachAverage(const EachArgs& p) {
	AT;
	u32 pixel = i / p.z, c = i - pixel * p.z, row = pixel / p.s, ox = pixel - row * p.s, n = row / p.w, oy = row - n * p.w;
	const u32 rows = min(p.x - 2 * oy, 2u), columns = min(p.y - 2 * ox, 2u);
	float sum[V] = {}, v[V];
	for (u32 y = 0; y < rows; y++)
		for (u32 x = 0; x < columns; x++) {
			read<T, V>(v, p.a, ((((size_t)n * p.x + 2 * oy + y) * p.y + 2 * ox + x) * p.z + c) * V);
#pragma unroll
			for (int j = 0; j < V; j++) sum[j] += v[j];
		}
	const float share = 1.f / (float)(rows * columns);
#pragma unroll
	for (int j = 0; j < V; j++) sum[j] *= share;
	write<T, V>(p.out, at, sum);
}

// eachBlur is a Gaussian filter of y places of x·V numbers, which reaches z places to each
// side; they are mirrored at the first and the last. w: the bits of the exponent's factor,
// for powers of two, and s of one over the weights' sum. act: it is the mean of all places.
template <class T, int V> DEV void eachBlur(const EachArgs& p) {
	AT;
	const u32 place = i / p.x, row = place / p.y;
	const int c = i - place * p.x, middle = place - row * p.y, last = p.y - 1;
	const int from = p.act ? 0 : middle - (int)p.z, upto = p.act ? last : middle + (int)p.z;
	float sum[V] = {}, v[V];
	for (int k = from; k <= upto; k++) {
		const int side = k < 0 ? -k : k, j = min(side, 2 * last - side);
		const float d = (float)(k - middle), weight = exp2Fast(__uint_as_float(p.w) * d * d);
		read<T, V>(v, p.a, (((size_t)row * p.y + j) * p.x + c) * V);
#pragma unroll
		for (int l = 0; l < V; l++) sum[l] = fmaf(weight, v[l], sum[l]);
	}
#pragma unroll
	for (int l = 0; l < V; l++) sum[l] *= __uint_as_float(p.s);
	write<T, V>(p.out, at, sum);
}

// basis are the waves of no period and of one from side to side of an image h×w at a pixel,
// in each direction and in both.
DEV void basis(float (&wave)[7], u32 h, u32 w, u32 pixel) {
	const u32 y = pixel / w, x = pixel - y * w;
	float ac = 0, as = 0, bc = 0, bs = 0; // a side of one pixel has none
	if (h > 1) sincospif(2 * (float)y / (float)h, &as, &ac);
	if (w > 1) sincospif(2 * (float)x / (float)w, &bs, &bc);
	wave[0] = 1, wave[1] = ac, wave[2] = as, wave[3] = bc, wave[4] = bs;
	wave[5] = fmaf(ac, bc, -as * bs), wave[6] = fmaf(as, bc, ac * bs);
}

// eachAddLow adds to an image a [N y z x·V] the waves times their sums b [N 7 x·V], float32s,
// and a factor. w: its bits.
template <class T, int V> DEV void eachAddLow(const EachArgs& p) SAME(
	const u32 pixel = i / p.x; const u32 c = i - pixel * p.x; const u32 n = pixel / (p.y * p.z);
	float wave[7]; float sum[V]; float low[V] = {};
	basis(wave, p.y, p.z, pixel - n * p.y * p.z);
	for (int k = 0; k < 7; k++) {
		read<F32, V>(sum, p.b, ((size_t)(n * 7 + k) * p.x + c) * V);
		for (int j = 0; j < V; j++) low[j] = fmaf(wave[k], sum[j], low[j]);
	}
	for (int j = 0; j < V; j++) a[j] = fmaf(__uint_as_float(p.w), low[j], a[j]);)

#define FILTERS(T, t) EACH(average, eachAverage, T, t, 4) EACH(blur, eachBlur, T, t, 4) EACH(add_low, eachAddLow, T, t, 4)
EACH_TYPE(FILTERS)

// sumPixels adds up K weighted sums of the y·z pixels of each sample of a [N y z x], of 32
// channels a block, which has a warp for every eighth pixel. grid: (x/32, N).
template <class T, int K, class Weigh, class Store> DEV void sumPixels(const EachArgs& p, Weigh weigh, Store store) {
	__shared__ float sums[8][K][32];
	const u32 lane = threadIdx.x & 31, warp = threadIdx.x >> 5, c = blockIdx.x * 32 + lane, pixels = p.y * p.z;
	float s[K] = {};
	if (c < p.x)
		for (u32 i = warp; i < pixels; i += 8) {
			float weight[K];
			weigh(weight, i);
			const float v = T::load(((const typename T::Bits*)p.a)[((size_t)blockIdx.y * pixels + i) * p.x + c]);
#pragma unroll
			for (int k = 0; k < K; k++) s[k] = fmaf(weight[k], v, s[k]);
		}
#pragma unroll
	for (int k = 0; k < K; k++) sums[warp][k][lane] = s[k];
	__syncthreads();
	if (c >= p.x) return;
	for (u32 k = warp; k < K; k += 8) {
		float total = 0;
#pragma unroll
		for (int w = 0; w < 8; w++) total += sums[w][k][lane];
		store(total, ((size_t)blockIdx.y * K + k) * p.x + c);
	}
}

// sum_pixels: out [N x] are the sums times a factor. w: its bits. low_sums: out [N 7 x],
// float32s, are the sums with the waves.
#define SUMS(T, t) \
	KERNEL(sum_pixels_##t, 256, EachArgs) { \
		sumPixels<T, 1>(p, [](float (&w)[1], u32) { w[0] = 1; }, \
			[&](float s, size_t i) { ((T::Bits*)p.out)[i] = T::store(__uint_as_float(p.w) * s); }); \
	} \
	KERNEL(low_sums_##t, 256, EachArgs) { \
		sumPixels<T, 7>(p, [&](float (&w)[7], u32 i) { basis(w, p.y, p.z, i); }, [&](float s, size_t i) { ((float*)p.out)[i] = s; }); \
	}
EACH_TYPE(SUMS)
