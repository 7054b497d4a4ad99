// Work on every number alone, and work that only moves numbers.
#include "each.cuh"

template <class T, int V> DEV void eachActivate(const EachArgs& p) SAME(for (int j = 0; j < V; j++) a[j] = activate(p.act, a[j]);)
template <class T, int V> DEV void eachAdd(const EachArgs& p) SAME(float b[V]; read<T, V>(b, p.b, at); for (int j = 0; j < V; j++) a[j] += b[j];)

// eachAffine is x·a + y, and eachSoftClamp x·tanh(a/x). x, y: bits of float32s.
template <class T, int V> DEV void eachAffine(const EachArgs& p) SAME(for (int j = 0; j < V; j++) a[j] = fmaf(__uint_as_float(p.x), a[j], __uint_as_float(p.y));)
template <class T, int V> DEV void eachSoftClamp(const EachArgs& p) SAME(
	const float limit = __uint_as_float(p.x); const float slope = 2 * 1.4426950408889634f / limit;
	for (int j = 0; j < V; j++) a[j] = limit * (1 - 2 * rcpFast(exp2Fast(slope * a[j]) + 1));)

// eachAddChannel adds b [N C] to a [N pixels C]. x: C/V, y: pixels.
template <class T, int V> DEV void eachAddChannel(const EachArgs& p) SAME(
	float b[V]; u32 pixel = i / p.x; u32 c = i - pixel * p.x;
	read<T, V>(b, p.b, ((size_t)(pixel / p.y) * p.x + c) * V);
	for (int j = 0; j < V; j++) a[j] += b[j];)

// eachGEGLU maps a [rows 2D] to [rows D]: a·gelu(b). x: D/V.
template <class T, int V> DEV void eachGEGLU(const EachArgs& p) {
	AT;
	u32 row = i / p.x, c = i - row * p.x;
	float a[V], b[V];
	read<T, V>(a, p.a, ((size_t)row * 2 * p.x + c) * V);
	read<T, V>(b, p.a, ((size_t)row * 2 * p.x + p.x + c) * V);
#pragma unroll
	for (int j = 0; j < V; j++) a[j] *= gelu(b[j]);
	write<T, V>(p.out, at, a);
}

// moveConcat joins rows of x·V and y·V numbers.
template <class T, int V> DEV void moveConcat(const EachArgs& p) {
	AT;
	u32 row = i / (p.x + p.y), c = i - row * (p.x + p.y);
	*(Vec<T, V>*)((typename T::Bits*)p.out + at) = c < p.x ? Vec<T, V>::read(p.a, ((size_t)row * p.x + c) * V)
	                                                       : Vec<T, V>::read(p.b, ((size_t)row * p.y + c - p.x) * V);
}

// moveUpsample enlarges an image [N x y z·V] to [N w s z·V] by nearest neighbour.
template <class T, int V> DEV void moveUpsample(const EachArgs& p) {
	AT;
	u32 pixel = i / p.z, c = i - pixel * p.z, row = pixel / p.s, ox = pixel - row * p.s, n = row / p.w, oy = row - n * p.w;
	u32 src = (n * p.x + oy * p.x / p.w) * p.y + ox * p.y / p.s;
	*(Vec<T, V>*)((typename T::Bits*)p.out + at) = Vec<T, V>::read(p.a, ((size_t)src * p.z + c) * V);
}

// moveEmbed looks ids a [rows], float32s, up in a table b [V D], and adds row t of c
// (or null). x: D/V, y: tokens, z: the table's rows.
template <class T, int V> DEV void moveEmbed(const EachArgs& p) {
	AT;
	u32 row = i / p.x, d = i - row * p.x, id = min((u32)((const float*)p.a)[row], p.z - 1);
	float a[V], b[V];
	read<T, V>(a, p.b, ((size_t)id * p.x + d) * V);
	if (p.c) {
		read<T, V>(b, p.c, ((size_t)(row % p.y) * p.x + d) * V);
#pragma unroll
		for (int j = 0; j < V; j++) a[j] += b[j];
	}
	write<T, V>(p.out, at, a);
}

// moveGather picks row b [N], float32s, of each sample of a [N y x·V].
template <class T, int V> DEV void moveGather(const EachArgs& p) {
	AT;
	u32 n = i / p.x, d = i - n * p.x, row = min((u32)((const float*)p.b)[n], p.y - 1);
	*(Vec<T, V>*)((typename T::Bits*)p.out + at) = Vec<T, V>::read(p.a, ((size_t)(n * p.y + row) * p.x + d) * V);
}

#define WORK(T, t, V) \
	EACH(activate, eachActivate, T, t, V) EACH(affine, eachAffine, T, t, V) EACH(soft_clamp, eachSoftClamp, T, t, V) \
	EACH(add, eachAdd, T, t, V) EACH(add_channel, eachAddChannel, T, t, V) \
	EACH(geglu, eachGEGLU, T, t, V) EACH(concat, moveConcat, T, t, V) EACH(upsample, moveUpsample, T, t, V) \
	EACH(embed, moveEmbed, T, t, V) EACH(gather, moveGather, T, t, V)
#define WORKS(T, t) WORK(T, t, 4)
EACH_TYPE(WORKS)

// narrow and widen convert from and to float32.
#define CONVERT(T, t) \
	KERNEL(narrow_##t, 256, EachArgs) { u32 i = blockIdx.x * blockDim.x + threadIdx.x; if (i < p.n) ((T::Bits*)p.out)[i] = T::store(((const float*)p.a)[i]); } \
	KERNEL(widen_##t, 256, EachArgs) { u32 i = blockIdx.x * blockDim.x + threadIdx.x; if (i < p.n) ((float*)p.out)[i] = T::load(((const T::Bits*)p.a)[i]); }
EACH_TYPE(CONVERT)

// transpose swaps the last two dimensions of a [N x y], by tiles of 32×32 through shared
// memory. grid: (y/32, x/32, N), 32×8 threads.
template <class T> DEV void transpose(const EachArgs& p) {
	typedef typename T::Bits Bits;
	__shared__ Bits tile[32][32 + 4 / sizeof(Bits)]; // an odd number of words a row: its columns lie in different banks
	const u32 tx = threadIdx.x & 31, ty = threadIdx.x >> 5, x0 = blockIdx.y * 32, y0 = blockIdx.x * 32;
	const Bits* a = (const Bits*)p.a + (size_t)blockIdx.z * p.x * p.y;
	Bits* out = (Bits*)p.out + (size_t)blockIdx.z * p.x * p.y;
	for (u32 r = ty; r < 32; r += 8)
		if (x0 + r < p.x && y0 + tx < p.y) tile[r][tx] = a[(size_t)(x0 + r) * p.y + y0 + tx];
	__syncthreads();
	for (u32 r = ty; r < 32; r += 8)
		if (y0 + r < p.y && x0 + tx < p.x) out[(size_t)(y0 + r) * p.x + x0 + tx] = tile[tx][r];
}
#define TRANSPOSE(T, t) KERNEL(transpose_##t, 256, EachArgs) { transpose<T>(p); }
EACH_TYPE(TRANSPOSE)
