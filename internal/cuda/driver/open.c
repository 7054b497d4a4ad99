//go:build gpu && cgo && linux

#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

extern void* sdgoSlots[];
extern const char sdgoNames[];

// What every entry point does before sdgoOpen, or if the driver lacks it.
CUresult sdgoNoDriver(void) { return CUDA_ERROR_NO_DEVICE; }

// Package cu calls this when the program starts, and ends it on an error. The driver's
// own is called by sdgoOpen, which can return one.
CUresult cuInit(unsigned flags) { return CUDA_SUCCESS; }

// sdgoOpen loads the driver at path, starts it and fills the slots. On an error why
// says what was found.
CUresult sdgoOpen(const char* path, char* why, size_t n) {
	void* lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		snprintf(why, n, "%s", dlerror());
		return CUDA_ERROR_SHARED_OBJECT_INIT_FAILED;
	}
	CUresult (*init)(unsigned) = (CUresult (*)(unsigned))dlsym(lib, "cuInit");
	if (!init) {
		snprintf(why, n, "%s: it has no cuInit", path);
		dlclose(lib);
		return CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND;
	}
	CUresult r = init(0);
	if (r != CUDA_SUCCESS) {
		dlclose(lib);
		return r;
	}
	int i = 0;
	for (const char* name = sdgoNames; *name; name += strlen(name) + 1, i++) {
		void* f = dlsym(lib, name);
		if (f) sdgoSlots[i] = f;
	}
	return CUDA_SUCCESS;
}
