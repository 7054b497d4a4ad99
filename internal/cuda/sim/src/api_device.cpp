// Entry points: devices and contexts.
#include "context.h"
#include "memory.h"

extern bool initialised;
static CUcontext primary[16];

static CUresult fresh(CUcontext* c, CUdevice d) {
	*c = new CUctx_st;
	(*c)->device = d;
	(*c)->ordinary.context = *c;
	contexts.insert(*c);
	return CUDA_SUCCESS;
}

static int attribute(int a) {
	int sm = (int)options.sm;
	bool big = sm == 80 || sm >= 90, turing = sm < 80; // those of computing centres have more of everything
	switch (a) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return sm / 10;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return sm % 10;
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return big ? 108 : turing ? 40 : 82;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: return 48 << 10;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: return (turing ? 64 : sm >= 90 ? 227 : big ? 163 : 99) << 10;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return (turing ? 64 : sm >= 90 ? 228 : big ? 164 : 100) << 10;
	case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X: case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: return 1024;
	case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: return 64;
	case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: return INT32_MAX;
	case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y: case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: return 65535;
	case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: return turing ? 1024 : big ? 2048 : 1536;
	case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK: case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
	case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
	case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return 1410000;
	case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: return 1215000;
	case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: return 5120;
	case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: return 40 << 20;
	case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS: return 1;
	default: return 0;
	}
}

extern "C" {
CUresult cuInit(unsigned) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	if (options.devices < 1) return CUDA_ERROR_NO_DEVICE;
	initialised = true;
	return CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int* v) {
	*v = (int)options.driver;
	return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int* n) {
	return call(INIT, [&] { *n = (int)options.devices; return CUDA_SUCCESS; });
}
CUresult cuDeviceGet(CUdevice* d, int i) {
	return call(INIT, [&] {
		if (i < 0 || i >= options.devices) return CUDA_ERROR_INVALID_DEVICE;
		*d = i;
		return CUDA_SUCCESS;
	});
}
CUresult cuDeviceGetName(char* s, int n, CUdevice d) {
	return call(INIT, [&] { snprintf(s, n, "software device %d", d); return CUDA_SUCCESS; });
}
CUresult cuDeviceGetUuid(CUuuid* u, CUdevice d) {
	return call(INIT, [&] { memset(u->bytes, d + 1, sizeof u->bytes); return CUDA_SUCCESS; });
}
CUresult cuDeviceTotalMem(size_t* n, CUdevice) {
	return call(INIT, [&] { *n = (size_t)options.memory; return CUDA_SUCCESS; });
}
CUresult cuDeviceGetAttribute(int* v, CUdevice_attribute a, CUdevice) {
	return call(INIT, [&] { *v = attribute(a); return CUDA_SUCCESS; });
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* c, CUdevice d) {
	return call(INIT, [&] {
		if (broken) return broken;
		if (!primary[d & 15] || !contexts.count(primary[d & 15])) fresh(&primary[d & 15], d);
		*c = primary[d & 15];
		return CUDA_SUCCESS;
	});
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
CUresult cuCtxCreate(CUcontext* c, unsigned, CUdevice d) {
	return call(INIT, [&] {
		if (d < 0 || d >= options.devices) return CUDA_ERROR_INVALID_DEVICE;
		if (broken) return broken;
		fresh(c, d);
		push(*c);
		return CUDA_SUCCESS;
	});
}
CUresult cuCtxDestroy(CUcontext c) {
	std::lock_guard<std::recursive_mutex> hold(lock); // even on a lost device
	if (!contexts.count(c)) return CUDA_ERROR_INVALID_CONTEXT;
	if (current() == c) pop();
	destroyContext(c);
	return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext c) {
	return call(INIT, [&] { setCurrent(c); return CUDA_SUCCESS; });
}
CUresult cuCtxGetCurrent(CUcontext* c) {
	return call(INIT, [&] { *c = current(); return CUDA_SUCCESS; });
}
CUresult cuCtxPushCurrent(CUcontext c) {
	return call(INIT, [&] { push(c); return CUDA_SUCCESS; });
}
CUresult cuCtxPopCurrent(CUcontext* c) {
	return call(INIT, [&] {
		CUcontext was = pop();
		if (c) *c = was;
		return was ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
	});
}
CUresult cuCtxGetDevice(CUdevice* d) {
	return call(INIT | CONTEXT, [&] { *d = current()->device; return CUDA_SUCCESS; });
}
CUresult cuCtxSynchronize(void) {
	return call(CONTEXT | SYNC, [&] {
		if (CUresult r = spoilAll(current())) return r;
		drainAll(current());
		return CUDA_SUCCESS;
	});
}
}
