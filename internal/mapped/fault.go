package mapped

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"
)

// Fault says that a part of a mapped file could not be read: another program cut the file
// short, or its disk failed.
type Fault struct {
	Name   string // as it was given to Open
	Offset int64
}

// Error implements error.
func (e *Fault) Error() string {
	return fmt.Sprintf("%s: offset %d: cannot be read any more: was the file cut while it is open?", e.Name, e.Offset)
}

// Guard calls f and returns its error, or a [*Fault] if f, on its own goroutine, read a part
// of an open file that is no longer there.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault := FaultOf(r)
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

func register(m *File) {
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

// FaultOf returns the error for a panic that came of reading a mapping, else nil. Such reads
// panic only on goroutines of [debug.SetPanicOnFault], as within [Guard].
func FaultOf(panicked any) *Fault {
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
			return &Fault{Name: name, Offset: int64(at - s.begin)}
		}
	}
	return nil
}
