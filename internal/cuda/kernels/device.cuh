// What all kernels share: the number types, and the few PTX instructions that C++ has
// no name for. Needs no header of a toolkit.
#pragma once

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define DEV static __device__ __forceinline__

// A kernel has one argument, a struct, by value.
#define KERNEL(name, threads, Args) \
	extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Args p)

// The number types: Bits is how a number lies in memory; load and store convert from
// and to float32.
struct F32 {
	typedef float Bits;
	DEV float load(float x) { return x; }
	DEV float store(float x) { return x; }
};

// The 16-bit types also say how two float32s become one register, and the tensor core's
// product: d += a [16 16] · b [16 8].
struct F16 {
	typedef u16 Bits;
	DEV float load(u16 x) { float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(x)); return f; }
	DEV u16 store(float x) { u16 r; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x)); return r; }
	DEV u32 pack(float lo, float hi) {
#if __CUDA_ARCH__ >= 800
		u32 r; asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo)); return r;
#else
		u32 r; asm("mov.b32 %0, {%1, %2};" : "=r"(r) : "h"(store(lo)), "h"(store(hi))); return r;
#endif
	}
	DEV void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#if __CUDA_ARCH__ >= 800
		asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
			: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
		asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
			: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(b[0]));
		asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
			: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
	}
};

#if __CUDA_ARCH__ >= 800
struct BF16 {
	typedef u16 Bits;
	DEV float load(u16 x) { return __uint_as_float((u32)x << 16); }
	DEV u32 pack(float lo, float hi) { u32 r; asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo)); return r; }
	DEV u16 store(float x) { return (u16)pack(x, 0.f); }
	DEV void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
		asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
			: "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
	}
};
#define EACH_TYPE(M) M(F32, f32) M(F16, f16) M(BF16, bf16)
#define EACH_HALF(M) M(F16, f16) M(BF16, bf16)
#else
#define EACH_TYPE(M) M(F32, f32) M(F16, f16)
#define EACH_HALF(M) M(F16, f16)
#endif

DEV u32 smemAddr(const void* p) { return (u32)__cvta_generic_to_shared(p); }

// copy16 moves 16 bytes from global to shared memory, or zeros if !valid.
DEV void copy16(u32 dst, const void* src, bool valid) {
#if __CUDA_ARCH__ >= 800
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(dst), "l"(src), "r"(valid ? 16 : 0) : "memory");
#else
	uint4 v = make_uint4(0, 0, 0, 0);
	if (valid) v = *(const uint4*)src;
	asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};" ::"r"(dst), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
#endif
}
DEV void copyCommit() {
#if __CUDA_ARCH__ >= 800
	asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
template <int N> DEV void copyWait() {
#if __CUDA_ARCH__ >= 800
	asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

DEV void ldmatrix4(u32 (&r)[4], u32 addr) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(addr) : "memory");
}
DEV void ldmatrix2t(u32 (&r)[2], u32 addr) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(addr) : "memory");
}

DEV float exp2Fast(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
DEV float rcpFast(float x) { float y; asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
// The approximate reciprocal and power are within 2 units in the last place.
DEV float sigmoid(float x) { return rcpFast(1 + exp2Fast(-1.4426950408889634f * x)); }

// gelu is x·Φ(x). The error function is that of Abramowitz and Stegun 7.1.26 where it is
// not near zero, within 1.5e-7, and its series there.
DEV float gelu(float x) {
	float z = fabsf(x) * 0.7071067811865476f, e;
	if (z < 0.5f) {
		float s = z * z;
		e = fmaf(fmaf(fmaf(fmaf(fmaf(-0.0007575757576f, s, 0.00462962963f), s, -0.02380952381f), s, 0.1f), s, -0.3333333333f), s, 1.f) * z * 1.1283791671f;
	} else {
		float t = rcpFast(fmaf(0.3275911f, z, 1.f));
		float q = fmaf(fmaf(fmaf(fmaf(1.061405429f, t, -1.453152027f), t, 1.421413741f), t, -0.284496736f), t, 0.254829592f) * t;
		e = fmaf(-q, exp2Fast(-1.4426950408889634f * z * z), 1.f);
	}
	return 0.5f * x * (1 + (x < 0 ? -e : e));
}

// relu is max(x, 0), and not a number if x is none.
DEV float relu(float x) { return x <= 0 ? 0.f : x; }

// swish is x·sigmoid(x·slope): SiLU, or the quick form of GELU; itself if slope is 0, and
// relu if it is less.
DEV float swish(float slope, float x) { return slope == 0 ? x : slope < 0 ? relu(x) : x * sigmoid(slope * x); }

// activate applies an activation by its number in package device.
DEV float activate(int act, float x) {
	if (act == 1) return x * sigmoid(x);
	if (act == 2) return gelu(x);
	if (act == 3) return x * sigmoid(1.702f * x);
	if (act == 4) return relu(x);
	return x;
}

DEV float warpSum(float x) {
#pragma unroll
	for (int i = 16; i > 0; i >>= 1) x += __shfl_xor_sync(0xffffffffu, x, i);
	return x;
}
DEV float warpMax(float x) {
#pragma unroll
	for (int i = 16; i > 0; i >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, i));
	return x;
}

// Vec is V numbers that lie together and are moved at once.
template <class T, int V> struct alignas(sizeof(typename T::Bits) * V) Vec {
	typename T::Bits x[V];
	DEV Vec read(const void* p, size_t i) { return *(const Vec*)((const typename T::Bits*)p + i); }
	DEV void write(void* p, size_t i, const float (&v)[V]) {
		Vec r;
#pragma unroll
		for (int j = 0; j < V; j++) r.x[j] = T::store(v[j]);
		*(Vec*)((typename T::Bits*)p + i) = r;
	}
};
template <class T, int V> DEV void read(float (&v)[V], const void* p, size_t i) {
	Vec<T, V> r = Vec<T, V>::read(p, i);
#pragma unroll
	for (int j = 0; j < V; j++) v[j] = T::load(r.x[j]);
}
template <class T, int V> DEV void write(void* p, size_t i, const float (&v)[V]) { Vec<T, V>::write(p, i, v); }
