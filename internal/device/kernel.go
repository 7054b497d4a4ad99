// Package device describes work for a graphics processor: kernels, what they are
// launched with, and where values lie. It is pure Go and built everywhere; package cuda
// runs what it describes.
package device

import (
	"fmt"
	"unsafe"
)

// Ptr is an address in a device's memory. Zero is none.
type Ptr uint64

// Type is the type of numbers in a device's memory.
type Type int

// The types of numbers.
const (
	F32 Type = iota
	F16
	BF16
)

// Size is the bytes of a number.
func (t Type) Size() int {
	if t == F32 {
		return 4
	}
	return 2
}

func (t Type) String() string { return [...]string{"f32", "f16", "bf16"}[t] }

// Kernel is one of the catalogue.
type Kernel struct {
	Name, Module string
	Oldest       int         // architecture that has it: 75, or 80
	Threads      int         // of a block
	Shared       int         // bytes of shared memory that it declares itself
	Args         int         // bytes of its argument, a struct
	Registers    map[int]int // of a thread, by architecture
}

// Launch is one run of a kernel.
type Launch struct {
	Kernel *Kernel
	Grid   [3]int // blocks
	Shared int    // bytes of shared memory beside what it declares
	Args   []uint64
	Cost   Cost
}

// Find returns a kernel for numbers of a type, or nil.
func Find(name string, t Type) *Kernel { return kernels[name+"_"+t.String()] }

// Kernels returns the catalogue by name. It must not be changed.
func Kernels() map[string]*Kernel { return kernels }

// launch makes a launch of a kernel with an argument, whose layout is that of the
// kernel's. The struct's size is a multiple of 8.
func launch[T any](name string, t Type, grid [3]int, shared int, args T) Launch {
	k := Find(name, t)
	size := int(unsafe.Sizeof(args))
	if k == nil || k.Args != size || size%8 != 0 {
		panic(fmt.Sprintf("device: %s of %v: have an argument of %d bytes, want %+v's", name, t, size, k))
	}
	words := make([]uint64, size/8)
	copy(words, unsafe.Slice((*uint64)(unsafe.Pointer(&args)), size/8))
	return Launch{Kernel: k, Grid: grid, Shared: shared, Args: words}
}

// Target is the device that launches are made for.
type Target struct {
	Type Type // of intermediate values and weights
	Arch int  // compute capability: 75, 80, 86, 90, …
	SMs  int  // multiprocessors

	// For predictions alone; a card's boost clock, and that of its memory.
	Clock     float64 // GHz
	Bandwidth float64 // GB/s
}

func (t Target) String() string { return fmt.Sprintf("CUDA, sm_%d, %v", t.Arch, t.Type) }

func ceil(a, b int) int { return (a + b - 1) / b }
