// The argument of attention.
#pragma once
#include "device.cuh"

struct AttentionArgs {
	const void *q, *k, *v; // [N T H·D], with the strides of a token in numbers
	void* out;
	const void* mask;      // [N keys] or null: the keys with 0 are not seen
	int queries, keys, heads, qStride, kvStride, outStride;
	float scale; // of the scores, times log2 e
	int causal, d, reserved;
};
