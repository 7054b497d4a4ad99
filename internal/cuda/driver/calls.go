//go:build gpu && cgo && linux

package driver

/*
#include <cuda.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/cu"

	"sdgo/internal/device"
)

// Error is an error of the driver.
type Error struct {
	Call string // the entry point
	Code int    // a CUresult
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("cuda: %s: error %d: %s", e.Call, e.Code, e.Text) }

// outOfMemory is CUDA_ERROR_OUT_OF_MEMORY.
const outOfMemory = 2

// Is says whether the error is [device.ErrMemory].
func (e *Error) Is(target error) bool { return target == device.ErrMemory && e.Code == outOfMemory }

// Sticky says that every later call of the process fails, too, those of new contexts as well.
func (e *Error) Sticky() bool { return slices.Contains(sticky, e.Code) }

// sticky are uncorrectable errors of memory and of NVLink, and the faults of kernels:
// illegal address, timeout, assertion, hardware stack, illegal instruction, misaligned
// address, address space, program counter, launch failed.
var sticky = []int{214, 220, 700, 702, 710, 714, 715, 716, 717, 718, 719}

// result makes an error of what an entry point returned.
func result(call string, r C.CUresult) error {
	if r == 0 {
		return nil
	}
	var s *C.char
	C.cuGetErrorString(r, &s)
	return &Error{call, int(r), C.GoString(s)}
}

// Wrap gives an error of package cu, which has a code alone, its text and call.
func Wrap(call string, err error) error {
	if code := cu.Success; errors.As(err, &code) {
		return result(call, C.CUresult(code))
	}
	return err
}

// AllocPinned returns n zeroed bytes of host memory that the device copies to and from
// by itself. Call [FreePinned].
func AllocPinned(n int) ([]byte, error) {
	var p unsafe.Pointer
	if err := result("cuMemHostAlloc", C.cuMemHostAlloc(&p, C.size_t(n), 0)); err != nil {
		return nil, err
	}
	b := unsafe.Slice((*byte)(p), n)
	clear(b)
	return b, nil
}

// FreePinned gives memory of AllocPinned back.
func FreePinned(b []byte) error {
	return result("cuMemFreeHost", C.cuMemFreeHost(unsafe.Pointer(unsafe.SliceData(b))))
}

// Cu's types are structs or numbers around the driver's handles.
func function(f cu.Function) C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f)) }
func stream(s cu.Stream) C.CUstream       { return *(*C.CUstream)(unsafe.Pointer(&s)) }

// SetShared lets a function have n bytes of dynamic shared memory: beyond 48 KiB it
// must be asked for.
func SetShared(f cu.Function, n int) error {
	return result("cuFuncSetAttribute", C.cuFuncSetAttribute(function(f), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(n)))
}

// Graph is a sequence of work made ready to be queued at once.
type Graph struct{ exec C.CUgraphExec }

// Capture records what queue puts on the stream, which is not run.
func Capture(s cu.Stream, queue func() error) (*Graph, error) {
	if err := result("cuStreamBeginCapture", C.cuStreamBeginCapture(stream(s), C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)); err != nil {
		return nil, err
	}
	queueErr := queue()
	var g C.CUgraph
	err := result("cuStreamEndCapture", C.cuStreamEndCapture(stream(s), &g))
	if g != nil {
		defer C.cuGraphDestroy(g)
	}
	if queueErr != nil {
		return nil, queueErr
	}
	if err != nil {
		return nil, err
	}
	e := new(Graph)
	return e, result("cuGraphInstantiate", C.cuGraphInstantiateWithFlags(&e.exec, g, 0))
}

// Launch queues the graph.
func (g *Graph) Launch(s cu.Stream) error {
	return result("cuGraphLaunch", C.cuGraphLaunch(g.exec, stream(s)))
}

// Destroy gives the graph back.
func (g *Graph) Destroy() error {
	return result("cuGraphExecDestroy", C.cuGraphExecDestroy(g.exec))
}
