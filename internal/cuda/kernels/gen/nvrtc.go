//go:build gpu && cgo && linux

package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

typedef void* program;
static int (*create)(program*, const char*, const char*, int, const char* const*, const char* const*);
static int (*compile)(program, int, const char* const*);
static int (*logSize)(program, size_t*), (*textSize)(program, size_t*);
static int (*getLog)(program, char*), (*getText)(program, char*);

static const char* load(const char* path) {
	void* lib = dlopen(path, RTLD_NOW);
	if (!lib) return dlerror();
	create = dlsym(lib, "nvrtcCreateProgram");
	compile = dlsym(lib, "nvrtcCompileProgram");
	logSize = dlsym(lib, "nvrtcGetProgramLogSize");
	getLog = dlsym(lib, "nvrtcGetProgramLog");
	textSize = dlsym(lib, "nvrtcGetPTXSize");
	getText = dlsym(lib, "nvrtcGetPTX");
	return create && compile && logSize && getLog && textSize && getText ? 0 : "it lacks an entry point of NVRTC";
}

// build returns PTX, or 0 and the log. Free both.
static char* build(const char* source, const char* name, int n, const char* const* options, char** log) {
	program p;
	size_t size = 1;
	*log = 0;
	if (create(&p, source, name, 0, 0, 0)) return 0;
	int failed = compile(p, n, options);
	logSize(p, &size);
	*log = calloc(1, size + 1);
	getLog(p, *log);
	if (failed) return 0;
	textSize(p, &size);
	char* text = calloc(1, size + 1);
	getText(p, text);
	return text;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// loadNVRTC loads the compiler's library.
func loadNVRTC(path string) error {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	if why := C.load(p); why != nil {
		return fmt.Errorf("%s: %s", path, C.GoString(why))
	}
	return nil
}

// compilePTX compiles a CUDA source.
func compilePTX(name, source string, options []string) (string, error) {
	src, file := C.CString(source), C.CString(name)
	defer C.free(unsafe.Pointer(src))
	defer C.free(unsafe.Pointer(file))
	list := (*[16]*C.char)(C.calloc(16, C.size_t(unsafe.Sizeof(src))))
	defer C.free(unsafe.Pointer(list))
	for i, o := range options {
		list[i] = C.CString(o)
		defer C.free(unsafe.Pointer(list[i]))
	}
	var log *C.char
	text := C.build(src, file, C.int(len(options)), &list[0], &log)
	defer C.free(unsafe.Pointer(text))
	defer C.free(unsafe.Pointer(log))
	if text == nil {
		return "", fmt.Errorf("%s: %s", name, C.GoString(log))
	}
	return C.GoString(text), nil
}
