//go:build gpu && cgo && linux

package driver

/*
#cgo LDFLAGS: -Wl,--as-needed -L${SRCDIR}/link -ldl
#include <cuda.h>
#include <stdlib.h>
CUresult sdgoOpen(const char* path, char* why, size_t n);
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// Library is the driver's library, as the loader looks for it. Another can be named
// by the environment variable SDGO_CUDA_DRIVER.
const Library = "libcuda.so.1"

// ErrNone is wrapped by Open's error where there is no driver, or no device.
var ErrNone = errors.New("no CUDA driver")

// Open loads the driver and starts it. It comes before any use of package cu. Later
// calls return what the first did.
func Open() error { return open() }

var open = sync.OnceValue(func() error {
	name := os.Getenv("SDGO_CUDA_DRIVER")
	if name == "" {
		name = Library
	}
	const most = 512
	path, why := C.CString(name), (*C.char)(C.calloc(1, most))
	defer C.free(unsafe.Pointer(path))
	defer C.free(unsafe.Pointer(why))
	r := C.sdgoOpen(path, why, most)
	if r == 0 {
		return nil
	}
	if text := C.GoString(why); text != "" {
		return fmt.Errorf("cuda: %w: %s", ErrNone, text)
	}
	return fmt.Errorf("cuda: %w: %s: cuInit returned error %d", ErrNone, name, int(r))
})
