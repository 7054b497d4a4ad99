// Work that multiplies channels.
#include "each.cuh"

// eachModulate is a·(1 + scale) + shift of a [N y x·V], for b [N 2 x·V], scales and then
// shifts. act: whether it is shifted.
template <class T, int V> DEV void eachModulate(const EachArgs& p) SAME(
	u32 pixel = i / p.x; u32 c = i - pixel * p.x; size_t by = ((size_t)(pixel / p.y) * 2 * p.x + c) * V;
	float scale[V]; float shift[V] = {};
	read<T, V>(scale, p.b, by);
	if (p.act) read<T, V>(shift, p.b, by + (size_t)p.x * V);
	for (int j = 0; j < V; j++) a[j] = fmaf(a[j], 1 + scale[j], shift[j]);)

// eachScaleChannels is a·b + c of a [pixels x·V], for float32s b and c [x·V]; c may be null.
// If x is 0, b is one number for all. z: the bits of a limit that b is clamped to as eachSoftClamp does, or 0.
template <class T, int V> DEV void eachScaleChannels(const EachArgs& p) SAME(
	float scale[V]; float shift[V] = {};
	if (p.x == 0) {
		for (int j = 0; j < V; j++) scale[j] = *(const float*)p.b;
	} else {
		u32 c = i % p.x * V;
		read<F32, V>(scale, p.b, c);
		if (p.c) read<F32, V>(shift, p.c, c);
	}
	if (p.z) {
		for (int j = 0; j < V; j++) scale[j] = __uint_as_float(p.z) * tanhf(scale[j] / __uint_as_float(p.z));
	}
	for (int j = 0; j < V; j++) a[j] = fmaf(a[j], scale[j], shift[j]);)

// eachScaleFirst multiplies the first y·V of x·V channels by a number. z: its bits.
template <class T, int V> DEV void eachScaleFirst(const EachArgs& p) SAME(
	float factor = i % p.x < p.y ? __uint_as_float(p.z) : 1.f;
	for (int j = 0; j < V; j++) a[j] *= factor;)

#define SCALES(T, t) EACH(modulate, eachModulate, T, t, 4) EACH(scale_channels, eachScaleChannels, T, t, 4) EACH(scale_first, eachScaleFirst, T, t, 4)
EACH_TYPE(SCALES)
