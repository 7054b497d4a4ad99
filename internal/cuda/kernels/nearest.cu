// Vector quantisation: what is nearest in a codebook.
#include "device.cuh"

struct NearestArgs {
	const void* x;    // [rows d]
	const void* book; // [entries d]
	void* out;        // [rows d], or numbers of entries [rows]
	int rows, entries, d;
	int chunk; // entries in shared memory at a time
	int indices, reserved;
};

// nearest has a thread for each vector. The vectors of a block lie in shared memory, turned,
// and entries come there by chunks, which all threads read together.
template <class T> DEV void nearest(const NearestArgs& p) {
	typedef typename T::Bits Bits;
	extern __shared__ __align__(128) unsigned char smem[];
	__shared__ int found[256];
	const int tid = threadIdx.x, first = blockIdx.x * 256, rows = min(256, p.rows - first), numbers = rows * p.d;
	const int stride = 256 + 32 / p.d; // so that the numbers of some vectors lie in different banks
	float *xs = (float*)smem, *book = xs + stride * p.d;
	const Bits* x = (const Bits*)p.x + (size_t)first * p.d;
	for (int e = tid; e < numbers; e += 256) xs[e % p.d * stride + e / p.d] = T::load(x[e]);
	float least = __int_as_float(0x7f800000);
	int best = 0;
	for (int from = 0; from < p.entries; from += p.chunk) {
		const int n = min(p.chunk, p.entries - from);
		__syncthreads();
		for (int e = tid; e < n * p.d; e += 256) book[e] = T::load(((const Bits*)p.book)[(size_t)from * p.d + e]);
		__syncthreads();
		if (tid >= rows) continue;
		for (int i = 0; i < n; i++) {
			float sum = 0;
			for (int j = 0; j < p.d; j++) {
				const float diff = xs[j * stride + tid] - book[i * p.d + j];
				sum = fmaf(diff, diff, sum);
			}
			if (sum < least) least = sum, best = from + i;
		}
	}
	if (p.indices) {
		if (tid < rows) ((Bits*)p.out)[first + tid] = T::store((float)best);
		return;
	}
	found[tid] = best;
	__syncthreads();
	for (int e = tid; e < numbers; e += 256) {
		const int row = e / p.d, j = e - row * p.d;
		const float v = xs[j * stride + row], entry = T::load(((const Bits*)p.book)[(size_t)found[row] * p.d + j]);
		((Bits*)p.out)[(size_t)first * p.d + e] = T::store(v + (entry - v));
	}
}

#define NEAREST(T, t) KERNEL(nearest_##t, 256, NearestArgs) { nearest<T>(p); }
EACH_TYPE(NEAREST)
