// Package gguf reads and writes GGUF, the files of llama.cpp and stable-diffusion.cpp:
// metadata, then tensors of numbers that are mostly in blocks, see package ggml.
//
//	"GGUF", version 3, number of tensors and of fields
//	fields: key, kind, value
//	tensors: name, dimensions from the innermost to the outermost, type, offset
//	padding to a multiple of the alignment
//	numbers of each tensor, each padded likewise; offsets count from here
//
// All numbers are little endian. Strings are UTF-8 after their length of 8 bytes.
//
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"sdgo/internal/ggml"
)

var le = binary.LittleEndian

const (
	magic            = "GGUF"
	alignmentKey     = "general.alignment"
	defaultAlignment = 32
	maxDims          = 4
)

// byteSize returns the bytes of a tensor, whose rows must be whole blocks of a type that
// can be read.
func byteSize(t ggml.Type, shape []int) (uint64, error) {
	numbers, size := t.Block()
	switch {
	case numbers == 0:
		return 0, fmt.Errorf("have numbers of %v, which is not supported", t)
	case len(shape) > maxDims:
		return 0, fmt.Errorf("have %d dimensions, want at most %d", len(shape), maxDims)
	}
	row := 1
	if len(shape) > 0 {
		row = shape[len(shape)-1]
	}
	if row%numbers != 0 {
		return 0, fmt.Errorf("have rows of %d numbers (shape %v), want a multiple of %d for %v", row, shape, numbers, t)
	}
	total, overflow := uint64(size), false
	for i, n := range shape {
		if i == len(shape)-1 {
			n /= numbers
		}
		hi, lo := bits.Mul64(total, uint64(n))
		total, overflow = lo, overflow || hi != 0 || lo > uint64(math.MaxInt)/uint64(numbers)
	}
	if overflow {
		return 0, fmt.Errorf("%v of shape %v is too large", t, shape)
	}
	return total, nil
}
