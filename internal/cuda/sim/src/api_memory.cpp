// Entry points: memory and copies.
#include "context.h"
#include "memory.h"

// Memory of the host that was not allocated here may be paged out: a copy from it takes
// the bytes before it returns, a copy to it returns when the bytes are there. One that is
// captured uses the memory at each replay.
static bool isPinned(const void* p, size_t n) {
	auto& all = current()->pinned;
	auto it = all.upper_bound((u64)p);
	return it != all.begin() && (u64)p + n <= (--it)->first + it->second;
}

static const Allocation* range(CUdeviceptr p, size_t n) {
	const Allocation* a = find(current(), p);
	return a && p + n <= a->address + a->bytes ? a : nullptr;
}

// again finds an allocation that a queued task uses, which may be gone by then.
static const Allocation* again(CUcontext c, CUdeviceptr p, const char* what) {
	const Allocation* a = find(c, p);
	if (!a) fault(E_ADDRESS, "freed memory: %s at 0x%lx", what, (unsigned long)p);
	return a;
}

static void toDevice(CUcontext c, CUdeviceptr d, const void* s, size_t n) {
	const Allocation* a = again(c, d, "a copy to the device");
	memcpy((void*)d, s, n);
	setWritten(a, d, n, true);
	counters.toDevice += n;
}
static void toHost(CUcontext c, void* d, CUdeviceptr s, size_t n) {
	const Allocation* a = again(c, s, "a copy to the host");
	const u8* from = a->written + (s - a->address);
	if (options.check)
		if (const void* none = memchr(from, 0, n))
			fault(E_FAILED, "uninitialised: a copy of %zu bytes to the host reads global memory at 0x%lx, byte %zu of it", n, (unsigned long)(s + ((const u8*)none - from)), (size_t)((const u8*)none - from));
	memcpy(d, (void*)s, n);
	counters.toHost += n;
}
static void onDevice(CUcontext c, CUdeviceptr d, CUdeviceptr s, size_t n) {
	const Allocation *to = again(c, d, "a copy on the device"), *from = again(c, s, "a copy on the device");
	memmove((void*)d, (void*)s, n);
	memmove(to->written + (d - to->address), from->written + (s - from->address), n);
	counters.onDevice += n;
}
template <class T> static void set(CUcontext c, CUdeviceptr d, T v, size_t n) {
	const Allocation* a = again(c, d, "a memset");
	for (size_t j = 0; j < n; j++) memcpy((char*)d + j * sizeof v, &v, sizeof v);
	setWritten(a, d, n * sizeof v, true);
}
template <class T> static CUresult queueSet(CUdeviceptr d, T v, size_t n, CUstream stream) {
	return call(CONTEXT, [=] {
		CUstream s = streamOf(stream);
		if (!s) return CUDA_ERROR_INVALID_HANDLE;
		if (!range(d, n * sizeof v) || d % sizeof v) return CUDA_ERROR_INVALID_VALUE;
		CUcontext c = current();
		return enqueue(s, [=] { set(c, d, v, n); });
	});
}
template <class T> static CUresult setNow(CUdeviceptr d, T v, size_t n) {
	CUresult r = queueSet(d, v, n, nullptr);
	return r ? r : call(CONTEXT, [] { drainBlocking(current()); return CUDA_SUCCESS; });
}

// now does a copy that blocks: after the ordinary stream, which waits for the streams
// that are not CU_STREAM_NON_BLOCKING, and for no others.
template <class F> static CUresult now(bool valid, F copy) {
	if (!valid) return CUDA_ERROR_INVALID_VALUE;
	counters.copies++;
	if (CUresult r = spoilBlocking(current())) return r;
	drainBlocking(current());
	copy();
	return CUDA_SUCCESS;
}

extern "C" {
CUresult cuMemGetInfo(size_t* free, size_t* total) {
	return call(CONTEXT, [&] {
		*total = (size_t)options.memory;
		*free = *total - std::min<size_t>(*total, liveBytes());
		return CUDA_SUCCESS;
	});
}
CUresult cuMemAlloc(CUdeviceptr* p, size_t n) {
	return call(CONTEXT | ALLOC | NO_CAPTURE, [&] {
		if (!n) return CUDA_ERROR_INVALID_VALUE;
		const Allocation* a = allocate(current(), n, false);
		if (!a) return CUDA_ERROR_OUT_OF_MEMORY;
		*p = a->address;
		return CUDA_SUCCESS;
	});
}
CUresult cuMemFree(CUdeviceptr p) {
	return call(CONTEXT | NO_CAPTURE, [&] {
		if (!p) return CUDA_SUCCESS;
		drainAll(current()); // as every driver so far does
		return release(current(), p) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
	});
}
CUresult cuMemGetAddressRange(CUdeviceptr* base, size_t* n, CUdeviceptr p) {
	return call(CONTEXT, [&] {
		const Allocation* a = find(current(), p);
		if (!a) return CUDA_ERROR_NOT_FOUND;
		if (base) *base = a->address;
		if (n) *n = a->bytes;
		return CUDA_SUCCESS;
	});
}
CUresult cuMemHostAlloc(void** p, size_t n, unsigned) {
	return call(CONTEXT | PINNED | NO_CAPTURE, [&] {
		if (!n) return *p = nullptr, CUDA_SUCCESS;
		*p = aligned_alloc(4096, (n + 4095) / 4096 * 4096);
		if (!*p) return CUDA_ERROR_OUT_OF_MEMORY;
		memset(*p, 0xff, n);
		current()->pinned[(u64)*p] = n;
		return CUDA_SUCCESS;
	});
}
CUresult cuMemAllocHost(void** p, size_t n) { return cuMemHostAlloc(p, n, 0); }
CUresult cuMemFreeHost(void* p) {
	return call(CONTEXT, [&] {
		if (!current()->pinned.erase((u64)p)) return CUDA_ERROR_INVALID_VALUE;
		drainAll(current());
		free(p);
		return CUDA_SUCCESS;
	});
}
CUresult cuMemcpyHtoD(CUdeviceptr d, const void* s, size_t n) {
	return call(CONTEXT | COPY, [&] {
		return n ? now(range(d, n), [&] { toDevice(current(), d, s, n); }) : CUDA_SUCCESS;
	});
}
CUresult cuMemcpyDtoH(void* d, CUdeviceptr s, size_t n) {
	return call(CONTEXT | COPY, [&] {
		return n ? now(range(s, n), [&] { toHost(current(), d, s, n); }) : CUDA_SUCCESS;
	});
}
CUresult cuMemcpyDtoD(CUdeviceptr d, CUdeviceptr s, size_t n) {
	return call(CONTEXT | COPY, [&] {
		return n ? now(range(d, n) && range(s, n), [&] { onDevice(current(), d, s, n); }) : CUDA_SUCCESS;
	});
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr d, const void* from, size_t n, CUstream stream) {
	return call(CONTEXT | COPY, [&] {
		CUstream s = streamOf(stream);
		CUcontext c = current();
		if (!s) return CUDA_ERROR_INVALID_HANDLE;
		if (!n) return CUDA_SUCCESS;
		if (!range(d, n)) return CUDA_ERROR_INVALID_VALUE;
		counters.copies++;
		if (s->capture || isPinned(from, n)) return enqueue(s, [=] { toDevice(c, d, from, n); });
		auto bytes = std::make_shared<std::vector<char>>((const char*)from, (const char*)from + n);
		return enqueue(s, [=] { toDevice(c, d, bytes->data(), n); });
	});
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr d, size_t n, CUstream stream) {
	return call(CONTEXT | COPY, [&] {
		CUstream s = streamOf(stream);
		CUcontext c = current();
		if (!s) return CUDA_ERROR_INVALID_HANDLE;
		if (!n) return CUDA_SUCCESS;
		if (!range(d, n)) return CUDA_ERROR_INVALID_VALUE;
		counters.copies++;
		bool waits = !s->capture && !isPinned(to, n);
		CUresult r = enqueue(s, [=] { toHost(c, to, d, n); });
		if (waits && !r) drain(s);
		return r;
	});
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr d, CUdeviceptr from, size_t n, CUstream stream) {
	return call(CONTEXT | COPY, [&] {
		CUstream s = streamOf(stream);
		CUcontext c = current();
		if (!s) return CUDA_ERROR_INVALID_HANDLE;
		if (!n) return CUDA_SUCCESS;
		if (!range(d, n) || !range(from, n)) return CUDA_ERROR_INVALID_VALUE;
		counters.copies++;
		return enqueue(s, [=] { onDevice(c, d, from, n); });
	});
}
CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream s) { return queueSet(d, v, n, s); }
CUresult cuMemsetD16Async(CUdeviceptr d, unsigned short v, size_t n, CUstream s) { return queueSet(d, v, n, s); }
CUresult cuMemsetD32Async(CUdeviceptr d, unsigned v, size_t n, CUstream s) { return queueSet(d, v, n, s); }
CUresult cuMemsetD8(CUdeviceptr d, unsigned char v, size_t n) { return setNow(d, v, n); }
CUresult cuMemsetD16(CUdeviceptr d, unsigned short v, size_t n) { return setNow(d, v, n); }
CUresult cuMemsetD32(CUdeviceptr d, unsigned v, size_t n) { return setNow(d, v, n); }
}
