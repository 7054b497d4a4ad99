package gguf

import (
	"fmt"
	"math"

	"sdgo/internal/ggml"
)

// entry describes a tensor of a file.
type entry struct {
	name  string
	shape []int // outermost dimension first
	typ   ggml.Type
	begin uint64 // in the file, or until place within the numbers
	size  uint64 // bytes
	at    int    // where the header names it
}

// end is where the tensor's numbers end in the file.
func (e *entry) end() uint64 { return e.begin + e.size }

// errorf is an error about the tensor, with the place in the header.
func (e *entry) errorf(format string, args ...any) error {
	return fmt.Errorf("offset %d: tensor %.200q: %w", e.at, e.name, fmt.Errorf(format, args...))
}

// entry reads the description of a tensor.
func (p *parser) entry() entry {
	e := entry{at: p.pos}
	e.name = p.name("a tensor")
	what := fmt.Sprintf("tensor %.200q", e.name)
	dims := p.uint32(what)
	if dims > maxDims {
		p.fail(p.pos-4, "%s: have %d dimensions, want at most %d", what, dims, maxDims)
		return e
	}
	e.shape = make([]int, dims)
	for i := range e.shape {
		n := p.uint64(what)
		if n > math.MaxInt {
			p.fail(p.pos-8, "%s: have a dimension of %d, want at most %d", what, n, math.MaxInt)
			return e
		}
		e.shape[len(e.shape)-1-i] = int(n)
	}
	e.typ = ggml.Type(p.uint32(what))
	e.begin = p.uint64(what)
	var err error
	if e.size, err = byteSize(e.typ, e.shape); err != nil {
		p.fail(e.at, "%s: %v", what, err)
	}
	return e
}

// layout is where numbers may be in a file.
type layout struct{ alignment, start, size uint64 }

// place finds the tensor's numbers in the file.
func (e *entry) place(in layout) error {
	if e.begin%in.alignment != 0 {
		return e.errorf("have its numbers at %d after the header, want a multiple of the alignment %d", e.begin, in.alignment)
	}
	if e.begin > in.size || e.size > in.size || in.start > in.size || e.begin+e.size > in.size-in.start {
		return e.errorf("have %d bytes of numbers at %d after the header, which ends at offset %d, in a file of %d bytes", e.size, e.begin, in.start, in.size)
	}
	e.begin += in.start
	return nil
}

// original is the field of a tensor that ComfyUI-GGUF's converter reshaped to rows of 256
// numbers.
//
// https://github.com/city96/ComfyUI-GGUF/blob/main/tools/convert.py
const original = "comfy.gguf.orig_shape."

// reshape gives the tensor the shape that it had before it was reshaped.
func (e *entry) reshape(field rawField, data []byte) error {
	dims, ok := field.value(data).([]int32)
	if !ok || len(dims) > maxDims {
		return e.errorf("%s: have a value of another kind, want at most %d numbers of kind %v", original, maxDims, kindInt32)
	}
	shape, total := make([]int, len(dims)), 1
	for i, n := range dims {
		if n <= 0 || total > math.MaxInt/int(n) {
			return e.errorf("%s: have %v, want positive numbers", original, dims)
		}
		shape[i] = int(n)
		total *= int(n)
	}
	if total != count(e.shape) {
		return e.errorf("%s: have %v, but the numbers of shape %v", original, dims, e.shape)
	}
	e.shape = shape
	return nil
}

// count is the numbers of a shape.
func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
