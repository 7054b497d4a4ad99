//go:build gpu && cgo && linux

package sim

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

static int simSet(void* f, const char* name, long long v) { return ((int (*)(const char*, long long))f)(name, v); }
static void simReset(void* f) { ((void (*)(void))f)(); }
static long long simGet(void* f, const char* name) { return ((long long (*)(const char*))f)(name); }
static int simKernel(void* f, int i, char* name, int n, unsigned long long* out) { return ((int (*)(int, char*, int, unsigned long long*))f)(i, name, n, out); }
static void simFault(void* f, char* text, int n) { ((void (*)(char*, int))f)(text, n); }
static int simForget(void* f, unsigned long long p, size_t n) { return ((int (*)(unsigned long long, size_t))f)(p, n); }
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// library is the software driver; a program that has loaded it through package driver
// gets the same one.
var library = sync.OnceValues(func() (unsafe.Pointer, error) {
	path, err := Build()
	if err != nil {
		return nil, err
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	lib := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if lib == nil {
		return nil, fmt.Errorf("cuda sim: %s", C.GoString(C.dlerror()))
	}
	return lib, nil
})

// entry is the address of a function for tests. It panics where there is no software
// driver, for which Build has given the reason before.
func entry(name string) unsafe.Pointer {
	lib, err := library()
	if err != nil {
		panic(err)
	}
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	f := C.dlsym(lib, s)
	if f == nil {
		panic("cuda sim: no " + name)
	}
	return f
}

// Reset sets all options to what they are at the start and clears the counters. What a
// program holds (contexts, memory) stays; a lost device is found again,
// and what an error ended can be used, as in a new process.
func Reset() { C.simReset(entry("simReset")) }

// Set sets an option. It panics if there is none of that name.
//
//	check        1: checks of memory; 0 is three times as fast
//	nan          1: report a NaN that arithmetic makes of numbers
//	registers    1: report the use of a register that is not set
//	blocks       1: report races between the blocks of a launch
//	threads      threads of the host that run blocks; 0: one a core
//	order        0: blocks and warps in their order, 1: reversed, others: shuffled. The bytes must not change
//	sharing      1: registers share places, from the next module on. The bytes must not change
//	perturb      other than 0: a seed that changes approximations within their documented errors
//	truncate     1: mma drops bits where it rounds by default: for sm 90 those that an H100 does
//	devices      number of devices; 0 is a driver without any
//	sm, driver   compute capability (75, 80, 86, 89, 90) and CUDA version (12010 is 12.1) of the next module
//	memory       bytes of the device
//	budget       instructions of a warp after which a kernel is called endless
//	failAlloc, failPinned, failCopy, failLaunch, failLoad, failSync, failCall
//	             n: of the calls of that kind from now on, the one after n others fails (-1: none)
//	failCode     the code it fails with; 0: what fits
//	loseAfter    n: the device is lost after n more calls, loseCode is what all then return
//	count        1: count sectors and passes over banks
//	quiet        1: do not write faults to standard error
//	verbose      1: write each launch to standard error
func Set(name string, value int) {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	if C.simSet(entry("simSet"), s, C.longlong(value)) == 0 {
		panic("cuda sim: no option " + name)
	}
}

// Get returns a counter. It panics if there is none of that name.
//
//	toDevice, toHost, onDevice           bytes that copies moved
//	launches, copies, replays, loads     kernels run, copies asked for, graphs launched, modules loaded
//	calls                                entry points called
//	liveBytes, liveAllocations           memory of the device that is not given back
//	peakBytes                            the most that was live
//	livePinned, liveContexts, liveStreams, liveEvents, liveModules, liveGraphs
func Get(name string) int {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	v := C.simGet(entry("simGet"), s)
	if v < 0 {
		panic("cuda sim: no counter " + name)
	}
	return int(v)
}

// Fault is the text of the last fault: the check, what was accessed, the kernel, block
// and thread, and the line of the PTX with its text.
func Fault() string {
	var text [4096]byte
	C.simFault(entry("simFault"), (*C.char)(unsafe.Pointer(&text[0])), C.int(len(text)))
	return C.GoString((*C.char)(unsafe.Pointer(&text[0])))
}

// Forget takes the values of n bytes at a device address, so that memory that a program
// hands from one use to the next within an allocation counts as not initialised again.
func Forget(address uint64, n int) error {
	if r := C.simForget(entry("simForget"), C.ulonglong(address), C.size_t(n)); r != 0 {
		return fmt.Errorf("cuda sim: forget %d bytes at %#x: error %d", n, address, r)
	}
	return nil
}

// KernelStats is what the launches of one kernel did since the last Reset.
type KernelStats struct {
	Name                                               string
	Launches, Blocks, Instructions, Products, Branches int // Branches parted the lanes of a warp
	Sectors, SectorBytes                               int // sectors of 32 bytes, and the bytes of them that were asked for
	Passes, IdealPasses                                int // over the banks of shared memory
	Nanoseconds                                        int // of processor time
}

// Used is the share of fetched and written bytes that were asked for, 1 if there were none.
func (k KernelStats) Used() float64 {
	if k.Sectors == 0 {
		return 1
	}
	return float64(k.SectorBytes) / float64(32*k.Sectors)
}

// BankFactor is how many passes over the banks there were for one that was needed.
func (k KernelStats) BankFactor() float64 {
	if k.IdealPasses == 0 {
		return 1
	}
	return float64(k.Passes) / float64(k.IdealPasses)
}

// Kernels returns the counters of all kernels that ran, by name.
func Kernels() []KernelStats {
	var all []KernelStats
	f := entry("simKernel")
	for {
		var name [512]byte
		var v [10]C.ulonglong
		if C.simKernel(f, C.int(len(all)), (*C.char)(unsafe.Pointer(&name[0])), C.int(len(name)), &v[0]) == 0 {
			return all
		}
		n := func(i int) int { return int(v[i]) }
		all = append(all, KernelStats{
			Name: C.GoString((*C.char)(unsafe.Pointer(&name[0]))), Launches: n(0), Blocks: n(1), Instructions: n(2), Products: n(3), Branches: n(4),
			Sectors: n(5), SectorBytes: n(6), Passes: n(7), IdealPasses: n(8), Nanoseconds: n(9),
		})
	}
}
