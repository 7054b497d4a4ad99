// What kernels with a thread for each number, or for each four, share.
#pragma once
#include "device.cuh"

struct EachArgs {
	const void *a, *b, *c;
	void* out;
	u32 n; // threads: the numbers of the output over V
	int act;
	u32 x, y, z, w, s, t; // sizes, by kernel
};

#define AT u32 i = blockIdx.x * blockDim.x + threadIdx.x; if (i >= p.n) return; const size_t at = (size_t)i * V
#define SAME(...) { AT; float a[V]; read<T, V>(a, p.a, at); __VA_ARGS__ write<T, V>(p.out, at, a); }

// EACH makes kernels for numbers one by one, and V at a time.
#define EACH(name, f, T, t, V) \
	KERNEL(name##_##t, 256, EachArgs) { f<T, 1>(p); } \
	KERNEL(name##V##_##t, 256, EachArgs) { f<T, V>(p); }
