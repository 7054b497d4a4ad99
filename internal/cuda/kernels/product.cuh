// The argument of matrix products and convolutions, and what they do with a result.
#pragma once
#include "device.cuh"

struct ProductArgs {
	const void* a;         // [M K], or the image [N H W C]
	const void* w;         // [N K]; of a convolution [N KH KW C]
	const float* bias;     // [N] or null
	const void* perSample; // [M/rows N] or null
	const void* residual;  // [M N] or null
	void* out;             // [M N]
	float* part;           // [splits M N] of partial sums, or null
	int m, n, k, rows;
	float slope;           // of swish
	int steps;             // of K in a split, in units of the kernel's BK
	// of a convolution: the image as it is seen, and as it lies in memory if it is
	// enlarged while it is read
	int h, wd, c, kw, stride, padTop, padLeft, outH, outW, srcH, srcW;
	int reserved;
};

// epilogue writes swish(x + bias + perSample) + residual for V numbers from [row col] on.
// N is a multiple of V.
template <class T, int V> DEV void epilogue(const ProductArgs& p, float (&x)[V], int row, int col) {
	const size_t at = (size_t)row * p.n + col;
	float b[V];
	auto add = [&]() {
#pragma unroll
		for (int j = 0; j < V; j++) x[j] += b[j];
	};
	if (p.bias) read<F32, V>(b, p.bias, col), add();
	if (p.perSample) read<T, V>(b, p.perSample, (size_t)(row / p.rows) * p.n + col), add();
#pragma unroll
	for (int j = 0; j < V; j++) x[j] = swish(p.slope, x[j]);
	if (p.residual) read<T, V>(b, p.residual, at), add();
	write<T, V>(p.out, at, x);
}

// Pixel is a row of the left operand of a convolution: the pixel of the output.
struct Pixel {
	int n, y, x; // of the sample; the upper left pixel that it sees
	DEV Pixel of(const ProductArgs& p, int row) {
		int all = p.outH * p.outW, n = row / all, r = row - n * all;
		int oy = r / p.outW, ox = r - oy * p.outW;
		return {n, oy * p.stride - p.padTop, ox * p.stride - p.padLeft};
	}
	// at is the place of the pixel that a tap sees, or valid is false.
	__device__ __forceinline__ size_t at(const ProductArgs& p, int ty, int tx, bool& valid) const {
		int py = y + ty, px = x + tx;
		valid = (unsigned)py < (unsigned)p.h && (unsigned)px < (unsigned)p.wd;
		if (p.srcH != p.h || p.srcW != p.wd) py = py * p.srcH / p.h, px = px * p.srcW / p.wd;
		return valid ? ((size_t)(n * p.srcH + py) * p.srcW + px) * p.c : 0;
	}
};
