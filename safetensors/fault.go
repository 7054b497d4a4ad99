package safetensors

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"
)

// FaultError says that a part of a mapped file could not be read: another program cut
// the file short, or its disk failed.
type FaultError struct {
	// Name is the file as it was given to Open or OpenFS.
	Name string
	// Offset is the place in the file, in bytes from its start.
	Offset int64
}

// Error implements error.
func (e *FaultError) Error() string {
	return fmt.Sprintf("safetensors: %s: offset %d: cannot be read any more: was the file cut while it is open?", e.Name, e.Offset)
}

// Guard calls f and returns its error, or a [*FaultError] if f, on its own goroutine,
// read a part of an open file that is no longer there. Without it such a read, of what
// [Tensor.Bytes] or [Tensor.Float32s] returned, ends the process.
func Guard(f func() error) (err error) {
	if f == nil {
		return errors.New("safetensors: guard: have no func to call")
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault := faultOf(r)
			if fault == nil {
				panic(r)
			}
			err = fault
		}
	}()
	return f()
}

// mapped lists the open mappings, by their address.
var mapped struct {
	sync.RWMutex
	names map[span]string
}

// span is a range of addresses.
type span struct {
	begin uintptr
	size  int
}

func spanOf(data []byte) span {
	return span{uintptr(unsafe.Pointer(unsafe.SliceData(data))), len(data)}
}

func register(m *mapping) {
	mapped.Lock()
	defer mapped.Unlock()
	if mapped.names == nil {
		mapped.names = make(map[span]string)
	}
	mapped.names[spanOf(m.data)] = m.name
}

func unregister(data []byte) {
	mapped.Lock()
	defer mapped.Unlock()
	delete(mapped.names, spanOf(data))
}

// faultOf returns the error for a panic that came of reading a mapping, else nil.
func faultOf(panicked any) *FaultError {
	// A fault's error tells the address; see debug.SetPanicOnFault.
	fault, ok := panicked.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return nil
	}
	at := fault.Addr()
	mapped.RLock()
	defer mapped.RUnlock()
	for s, name := range mapped.names {
		if at >= s.begin && at-s.begin < uintptr(s.size) {
			return &FaultError{Name: name, Offset: int64(at - s.begin)}
		}
	}
	return nil
}
