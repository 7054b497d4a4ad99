// Package driver loads the CUDA driver while a program runs, so that a program with
// package gorgonia.org/cu in it starts where there is none, and has the calls that cu
// lacks. It is built with the tag gpu, on Linux with cgo; all that it needs is cuda.h.
//
// Package cu links the driver's library, and ends the program in an init function where
// there is no device. Here its 150 entry points are defined instead, each a jump
// through a slot:
//
//	cu ── cuMemAlloc_v2: jmp *slot ──┬── before Open: returns CUDA_ERROR_NO_DEVICE
//	                                 └── after it: the driver's own, found by dlsym
//
// The linker still looks for -lcuda, which cu asks for: the empty archive in link
// satisfies it.
package driver

//go:generate go run ./gen
