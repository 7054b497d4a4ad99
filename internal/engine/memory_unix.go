//go:build unix

package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapMemory returns n zeroed float32s outside the Go heap, where they do not
// count towards the garbage collector's target, and a func that returns them.
func mapMemory(n int) ([]float32, func(), error) {
	b, err := unix.Mmap(-1, 0, 4*n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n), func() { unix.Munmap(b) }, nil
}

// reserveMemory returns n float32s that read as zeros and must not be written: addresses
// alone, which count as no memory.
func reserveMemory(n int) ([]float32, func(), error) {
	b, err := unix.Mmap(-1, 0, 4*n, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n), func() { unix.Munmap(b) }, nil
}
