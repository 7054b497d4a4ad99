// Group normalisation of an image with channels last, with an activation, and layer
// normalisation.
#include "device.cuh"

struct NormArgs {
	const void* x;             // [N P C]
	const float *gamma, *beta; // [C]
	float* part;               // [N groups chunks 2]: mean, and sum of squares about it
	void* out;                 // [N P C]
	int pixels, c, groups;
	int chunk, chunks; // of the statistics: pixels of one, and how many
	int rows;          // pixels of a block that applies them
	float eps;
	int act;
};

// groupStats takes a chunk of one sample's pixels, V channels a thread. The first number
// of a group in the chunk shifts all: no cancellation. grid: (chunks, N).
template <class T, int V> DEV void groupStats(const NormArgs& p) {
	typedef typename T::Bits Bits;
	extern __shared__ __align__(128) unsigned char smem[];
	const int first = blockIdx.x * p.chunk, pixels = min(p.chunk, p.pixels - first);
	const int per = p.c / p.groups, cols = p.c / V, lanes = max(1, (int)blockDim.x / cols);
	float *sums = (float*)smem, *squares = sums + lanes * p.c, *shifts = squares + lanes * p.c; // [lanes C], and [groups]
	const Bits* x = (const Bits*)p.x + ((size_t)blockIdx.y * p.pixels + first) * p.c;
	for (int g = threadIdx.x; g < p.groups; g += blockDim.x) shifts[g] = T::load(x[g * per]);
	__syncthreads();
	for (int i = threadIdx.x; i < lanes * cols; i += blockDim.x) {
		int r = i / cols, c = (i - r * cols) * V;
		float shift[V], s[V] = {}, q[V] = {};
#pragma unroll
		for (int j = 0; j < V; j++) shift[j] = shifts[(c + j) / per];
		for (int y = r; y < pixels; y += lanes) {
			float v[V];
			read<T, V>(v, x, (size_t)y * p.c + c);
#pragma unroll
			for (int j = 0; j < V; j++) {
				float d = v[j] - shift[j];
				s[j] += d;
				q[j] = fmaf(d, d, q[j]);
			}
		}
		write<F32, V>(sums, r * p.c + c, s);
		write<F32, V>(squares, r * p.c + c, q);
	}
	__syncthreads();
	const int lane = threadIdx.x & 31;
	for (int g = threadIdx.x >> 5; g < p.groups; g += blockDim.x >> 5) {
		float s = 0, q = 0;
		for (int r = 0; r < lanes; r++)
			for (int i = lane; i < per; i += 32) {
				int at = r * p.c + g * per + i;
				s += sums[at], q += squares[at];
			}
		s = warpSum(s), q = warpSum(q);
		if (lane == 0) {
			float n = (float)(pixels * per), mean = s / n;
			float* o = p.part + (((size_t)blockIdx.y * p.groups + g) * gridDim.x + blockIdx.x) * 2;
			*(float2*)o = make_float2(shifts[g] + mean, fmaxf(fmaf(-s, mean, q), 0.f));
		}
	}
}

// join adds the moments b of k more numbers to those of n (Chan et al. 1979).
DEV void join(float& n, float& mean, float& m2, float k, float kMean, float kM2) {
	float d = kMean - mean, share = k / fmaxf(n + k, 1.f); // none and none are none
	mean = fmaf(d, share, mean);
	m2 += fmaf(d * d, n * share, kM2);
	n += k;
}

// groupApply normalises rows pixels of one sample, and of those the groups of a slice.
// grid: (blocks, N, slices).
template <class T, int V> DEV void groupApply(const NormArgs& p) {
	extern __shared__ __align__(128) unsigned char smem[];
	const int groups = p.groups / gridDim.z, wide = p.c / gridDim.z, g0 = blockIdx.z * groups, c0 = blockIdx.z * wide;
	float *means = (float*)smem, *scales = means + wide, *shifts = scales + wide; // [wide]
	const int lane = threadIdx.x & 31, per = p.c / p.groups;
	for (int g = threadIdx.x >> 5; g < groups; g += blockDim.x >> 5) {
		float n = 0, mean = 0, m2 = 0;
		for (int c = lane; c < p.chunks; c += 32) {
			const float2 o = *(const float2*)(p.part + (((size_t)blockIdx.y * p.groups + g0 + g) * p.chunks + c) * 2);
			join(n, mean, m2, (float)(min(p.chunk, p.pixels - c * p.chunk) * per), o.x, o.y);
		}
#pragma unroll
		for (int i = 16; i > 0; i >>= 1) {
			float k = __shfl_down_sync(0xffffffffu, n, i), kMean = __shfl_down_sync(0xffffffffu, mean, i), kM2 = __shfl_down_sync(0xffffffffu, m2, i);
			if (lane < i) join(n, mean, m2, k, kMean, kM2);
		}
		n = __shfl_sync(0xffffffffu, n, 0), mean = __shfl_sync(0xffffffffu, mean, 0), m2 = __shfl_sync(0xffffffffu, m2, 0);
		float inv = 1 / sqrtf(m2 / n + p.eps);
		for (int c = g * per + lane; c < (g + 1) * per; c += 32) means[c] = mean, scales[c] = inv;
	}
	__syncthreads();
	for (int c = threadIdx.x; c < wide; c += blockDim.x) scales[c] *= p.gamma[c0 + c], shifts[c] = p.beta[c0 + c];
	__syncthreads();
	const int first = blockIdx.x * p.rows, rows = min(p.rows, p.pixels - first), cols = wide / V;
	const size_t origin = ((size_t)blockIdx.y * p.pixels + first) * p.c + c0;
	for (int i = threadIdx.x; i < rows * cols; i += blockDim.x) {
		int row = i / cols, c = (i - row * cols) * V;
		size_t at = origin + (size_t)row * p.c + c;
		float v[V], mean[V], scale[V], shift[V];
		read<T, V>(v, p.x, at);
		read<F32, V>(mean, means, c), read<F32, V>(scale, scales, c), read<F32, V>(shift, shifts, c);
#pragma unroll
		for (int j = 0; j < V; j++) v[j] = activate(p.act, fmaf(v[j] - mean[j], scale[j], shift[j]));
		write<T, V>(p.out, at, v);
	}
}

// layerNorm normalises a row of c numbers a warp; pixels is the number of rows.
template <class T, int V> DEV void layerNorm(const NormArgs& p) {
	const int lane = threadIdx.x & 31, row = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
	if (row >= p.pixels) return;
	const size_t at = (size_t)row * p.c;
	float s = 0, q = 0, v[V];
	for (int c = lane * V; c < p.c; c += 32 * V) {
		read<T, V>(v, p.x, at + c);
#pragma unroll
		for (int j = 0; j < V; j++) s += v[j];
	}
	const float mean = warpSum(s) / (float)p.c;
	for (int c = lane * V; c < p.c; c += 32 * V) {
		read<T, V>(v, p.x, at + c);
#pragma unroll
		for (int j = 0; j < V; j++) q = fmaf(v[j] - mean, v[j] - mean, q);
	}
	const float inv = 1 / sqrtf(warpSum(q) / (float)p.c + p.eps);
	for (int c = lane * V; c < p.c; c += 32 * V) {
		float gamma[V], beta[V];
		read<T, V>(v, p.x, at + c), read<F32, V>(gamma, p.gamma, c), read<F32, V>(beta, p.beta, c);
#pragma unroll
		for (int j = 0; j < V; j++) v[j] = fmaf((v[j] - mean) * inv, gamma[j], beta[j]);
		write<T, V>(p.out, at + c, v);
	}
}

#define NORM(T, t, V, v) \
	KERNEL(group_stats##v##_##t, 256, NormArgs) { groupStats<T, V>(p); } \
	KERNEL(group_apply##v##_##t, 256, NormArgs) { groupApply<T, V>(p); } \
	KERNEL(layer_norm##v##_##t, 256, NormArgs) { layerNorm<T, V>(p); }
#define NORMS(T, t) NORM(T, t, 1, ) NORM(T, t, 4, 4)
EACH_TYPE(NORMS)
