// Work that moves numbers to other places.
#include "each.cuh"

// moveSlice takes x·V numbers of each row of y·V, from z·V on.
template <class T, int V> DEV void moveSlice(const EachArgs& p) {
	AT;
	u32 row = i / p.x, c = i - row * p.x;
	*(Vec<T, V>*)((typename T::Bits*)p.out + at) = Vec<T, V>::read(p.a, ((size_t)row * p.y + p.z + c) * V);
}

// moveRepeat gives each of y pixels what a [N x·V] has for its sample.
template <class T, int V> DEV void moveRepeat(const EachArgs& p) {
	AT;
	u32 pixel = i / p.x, c = i - pixel * p.x;
	*(Vec<T, V>*)((typename T::Bits*)p.out + at) = Vec<T, V>::read(p.a, ((size_t)(pixel / p.y) * p.x + c) * V);
}

#define MOVES(T, t) EACH(slice, moveSlice, T, t, 4) EACH(repeat, moveRepeat, T, t, 4)
EACH_TYPE(MOVES)

// reverse turns rows of x numbers around.
template <class T> DEV void reverse(const EachArgs& p) {
	typedef typename T::Bits Bits;
	u32 i = blockIdx.x * blockDim.x + threadIdx.x, c = i % p.x;
	if (i < p.n) ((Bits*)p.out)[i] = ((const Bits*)p.a)[i - c + p.x - 1 - c];
}
#define REVERSE(T, t) KERNEL(reverse_##t, 256, EachArgs) { reverse<T>(p); }
EACH_TYPE(REVERSE)

struct PermuteArgs {
	const void* a;
	void* out;
	u32 n, size[6], stride[6]; // of the output's dimensions, the strides those in a
	u32 reserved;
};

// permute puts dimensions into another order.
template <class T> DEV void permute(const PermuteArgs& p) {
	typedef typename T::Bits Bits;
	u32 i = blockIdx.x * blockDim.x + threadIdx.x, rest = i, src = 0;
	if (i >= p.n) return;
#pragma unroll
	for (int d = 5; d >= 0; d--) {
		u32 next = rest / p.size[d];
		src += (rest - next * p.size[d]) * p.stride[d], rest = next;
	}
	((Bits*)p.out)[i] = ((const Bits*)p.a)[src];
}
#define PERMUTE(T, t) KERNEL(permute_##t, 256, PermuteArgs) { permute<T>(p); }
EACH_TYPE(PERMUTE)

struct SurroundArgs {
	const void* a; // [N srcH srcW c·V], which is seen as [N seenH seenW c·V]
	void* out;     // [N h w c·V]
	u32 n, c;
	int h, w, top, left, seenH, seenW, srcH, srcW;
	u32 wrap; // 1: to the left and right, 2: above and below
	u32 reserved;
};

// surround puts an image into a larger one: around it there are zeros, or its other side.
template <class T, int V> DEV void surround(const SurroundArgs& p) {
	AT;
	u32 pixel = i / p.c, c = i - pixel * p.c, row = pixel / p.w, n = row / p.h;
	int x = (int)(pixel - row * p.w) - p.left, y = (int)(row - n * p.h) - p.top;
	if (p.wrap & 1) x = x < 0 ? x + p.seenW : x >= p.seenW ? x - p.seenW : x;
	if (p.wrap & 2) y = y < 0 ? y + p.seenH : y >= p.seenH ? y - p.seenH : y;
	Vec<T, V> v = {};
	if (x >= 0 && x < p.seenW && y >= 0 && y < p.seenH)
		v = Vec<T, V>::read(p.a, (((size_t)n * p.srcH + y * p.srcH / p.seenH) * p.srcW + x * p.srcW / p.seenW) * p.c * V + c * V);
	*(Vec<T, V>*)((typename T::Bits*)p.out + at) = v;
}
#define SURROUND(T, t) \
	KERNEL(surround_##t, 256, SurroundArgs) { surround<T, 1>(p); } \
	KERNEL(surround4_##t, 256, SurroundArgs) { surround<T, 4>(p); }
EACH_TYPE(SURROUND)
