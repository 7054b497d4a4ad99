// Entry points: modules, functions and launches.
#include "context.h"
#include "memory.h"
#include "parser.h"

static int attribute(CUdevice_attribute a) {
	int v = 0;
	cuDeviceGetAttribute(&v, a, 0);
	return v;
}

// newestPtx is the version that a driver of CUDA 12.4, say, accepts: 8.4.
static int newestPtx() {
	int major = (int)options.driver / 1000, minor = (int)options.driver % 1000 / 10;
	if (major < 12) return 70 + minor;
	return major == 12 ? 80 + (minor == 9 ? 8 : std::min(minor, 7)) : 90 + minor;
}

static void unload(CUmodule m) {
	for (auto& f : m->functions) f.second->kernel = nullptr;
	for (auto& v : m->module.variables) release(current(), v.second.address);
	delete m;
}

static CUresult load(CUmodule* m, const char* image, std::string* log) {
	std::unique_ptr<CUmod_st, void (*)(CUmodule)> made(new CUmod_st, unload);
	try {
		Parser(made->module, current(), image).parse();
	} catch (Fault& f) {
		if (log) *log = f.what();
		throw;
	}
	if (made->module.version > newestPtx()) {
		lastFault = format("PTX %d.%d is newer than the driver's %d.%d", made->module.version / 10, made->module.version % 10, newestPtx() / 10, newestPtx() % 10);
		return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
	}
	if (made->module.sm > options.sm) {
		lastFault = format("the PTX is for sm_%d, the device has sm_%d", made->module.sm, (int)options.sm);
		return CUDA_ERROR_INVALID_PTX;
	}
	counters.loads++;
	*m = made.release();
	current()->modules.insert(*m);
	return CUDA_SUCCESS;
}

static CUresult check(const Kernel& k, const u32* grid, const u32* block, u32 dynamic) {
	u64 threads = (u64)block[0] * block[1] * block[2];
	if (!grid[0] || !grid[1] || !grid[2] || !threads || grid[0] > INT32_MAX || grid[1] > 65535 || grid[2] > 65535) return CUDA_ERROR_INVALID_VALUE;
	if (block[0] > 1024 || block[1] > 1024 || block[2] > 64 || threads > 1024) return CUDA_ERROR_INVALID_VALUE;
	if (threads > (u64)k.maxThreads) {
		lastFault = format("%s: %lu threads a block, the kernel is compiled for %d", k.name.c_str(), (unsigned long)threads, k.maxThreads);
		return CUDA_ERROR_INVALID_VALUE;
	}
	if (dynamic > k.dynamicBytes || dynamic + k.sharedBytes > (u32)attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)) {
		lastFault = format("%s: %u bytes of dynamic shared memory, %u are allowed", k.name.c_str(), dynamic, k.dynamicBytes);
		return CUDA_ERROR_INVALID_VALUE;
	}
	return CUDA_SUCCESS;
}

static bool known(CUfunction f) { return current()->functions.count(f) && f->kernel; }

extern "C" {
CUresult cuModuleLoadData(CUmodule* m, const void* image) {
	return call(CONTEXT | LOAD, [&] { return load(m, (const char*)image, nullptr); });
}
CUresult cuModuleLoadDataEx(CUmodule* m, const void* image, unsigned n, CUjit_option* options, void** values) {
	std::string log;
	CUresult r = call(CONTEXT | LOAD, [&] { return load(m, (const char*)image, &log); });
	char* buffer = nullptr;
	size_t size = 0;
	for (unsigned i = 0; i < n; i++) {
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = (char*)values[i];
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) size = (size_t)values[i];
	}
	if (buffer && size) snprintf(buffer, size, "%s", log.c_str());
	return r;
}
CUresult cuModuleUnload(CUmodule m) {
	return call(CONTEXT, [&] {
		CUcontext c = current();
		if (!c->modules.count(m)) return CUDA_ERROR_INVALID_HANDLE;
		drainAll(c);
		c->modules.erase(m);
		unload(m);
		return CUDA_SUCCESS;
	});
}
CUresult cuModuleGetFunction(CUfunction* f, CUmodule m, const char* name) {
	return call(CONTEXT, [&] {
		if (!current()->modules.count(m)) return CUDA_ERROR_INVALID_HANDLE;
		auto k = m->module.kernels.find(name);
		if (k == m->module.kernels.end()) return CUDA_ERROR_NOT_FOUND;
		CUfunction& made = m->functions[name];
		if (!made) current()->functions.insert(made = new CUfunc_st{k->second});
		*f = made;
		return CUDA_SUCCESS;
	});
}
CUresult cuModuleGetGlobal(CUdeviceptr* p, size_t* n, CUmodule m, const char* name) {
	return call(CONTEXT, [&] {
		if (!current()->modules.count(m)) return CUDA_ERROR_INVALID_HANDLE;
		auto v = m->module.variables.find(name);
		if (v == m->module.variables.end()) return CUDA_ERROR_NOT_FOUND;
		if (p) *p = v->second.address;
		if (n) *n = v->second.bytes;
		return CUDA_SUCCESS;
	});
}
CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
	return call(CONTEXT, [&] {
		if (!known(f)) return CUDA_ERROR_INVALID_HANDLE;
		if (a == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return v >= -1 && v <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
		if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
		if (v < 0 || v + (int)f->kernel->sharedBytes > attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)) return CUDA_ERROR_INVALID_VALUE;
		f->kernel->dynamicBytes = v;
		return CUDA_SUCCESS;
	});
}
CUresult cuFuncGetAttribute(int* v, CUfunction_attribute a, CUfunction f) {
	return call(CONTEXT, [&] {
		if (!known(f)) return CUDA_ERROR_INVALID_HANDLE;
		const Kernel& k = *f->kernel;
		switch ((int)a) {
		case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *v = k.maxThreads; break;
		case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *v = (int)k.sharedBytes; break;
		case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *v = (int)k.localBytes; break;
		case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *v = (int)k.dynamicBytes; break;
		case CU_FUNC_ATTRIBUTE_NUM_REGS: *v = std::max(1, std::min(255, 65536 / k.maxThreads)); break; // the most that would fit
		default: *v = 0;
		}
		return CUDA_SUCCESS;
	});
}
CUresult cuFuncSetCacheConfig(CUfunction, CUfunc_cache) { return CUDA_SUCCESS; }
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, CUfunction f, int threads, size_t dynamic) {
	return call(CONTEXT, [&] {
		if (!known(f) || threads < 1) return CUDA_ERROR_INVALID_VALUE;
		size_t shared = f->kernel->sharedBytes + dynamic + (options.sm >= 80 ? RESERVED_SHARED : 0);
		*n = std::min<int>(attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR) / threads, attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR) / shared);
		return CUDA_SUCCESS;
	});
}
CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned dynamic, CUstream stream, void** params, void** extra) {
	return call(CONTEXT | LAUNCH, [&] {
		CUstream s = streamOf(stream);
		if (!s || !known(f)) return CUDA_ERROR_INVALID_HANDLE;
		Launch l{current(), f, f->kernel, {gx, gy, gz}, {bx, by, bz}, dynamic, std::vector<char>(f->kernel->paramBytes)};
		if (extra || (!params && !f->kernel->params.empty())) return CUDA_ERROR_INVALID_VALUE;
		if (CUresult r = check(*f->kernel, l.grid, l.threads, dynamic)) return r;
		size_t j = 0;
		for (auto& p : f->kernel->params) memcpy(l.params.data() + p.offset, params[j++], p.size);
		return enqueue(s, [l] { runGrid(l); });
	});
}
}
