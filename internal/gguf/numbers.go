package gguf

import (
	"fmt"
	"os"

	"sdgo/internal/ggml"
	"sdgo/internal/mapped"
)

// Blocks returns the bytes of a tensor and their type, without a copy: they are gone when
// the file is closed. Reading a part that another program has cut off ends the process, but
// within mapped.Guard. Rows are whole blocks, unless the tensor was reshaped.
func (f *File) Blocks(name string) (t ggml.Type, data []byte, ok bool) {
	e, data, err := f.stored(name)
	return e.typ, data, err == nil
}

// stored returns a tensor and its bytes, or says why there are none.
func (f *File) stored(name string) (e entry, data []byte, err error) {
	i, ok := f.byName[name]
	if !ok {
		return entry{}, nil, f.wrap(fmt.Errorf("no tensor %.200q", name))
	}
	content := f.content.Bytes()
	if content == nil {
		return entry{}, nil, f.wrap(fmt.Errorf("tensor %.200q: the file is closed: %w", name, os.ErrClosed))
	}
	e = f.tensors[i]
	return e, content[e.begin:e.end():e.end()], nil
}

// Float32s widens a part of a tensor to float32, in row-major order: as many numbers as dst
// has room for, from number from on.
func (f *File) Float32s(name string, from int, dst []float32) error {
	e, data, err := f.stored(name)
	if err != nil {
		return err
	}
	if n := count(e.shape); from < 0 || from > n || len(dst) > n-from {
		return f.wrap(fmt.Errorf("tensor %.200q: have %d numbers (shape %v), want %d from %d on", name, n, e.shape, len(dst), from))
	}
	err = mapped.Guard(func() error {
		part(dst, e.typ, data, from)
		return nil
	})
	if err != nil {
		return f.wrap(fmt.Errorf("tensor %.200q: %w", name, err))
	}
	return nil
}

// part widens numbers from number from on, which may begin and end within blocks.
func part(dst []float32, t ggml.Type, data []byte, from int) {
	numbers, size := t.Block()
	data = data[from/numbers*size:]
	if skip := from % numbers; skip > 0 {
		var block [ggml.MaxBlock]float32
		t.Dequantize(block[:numbers], data[:size])
		n := copy(dst, block[skip:numbers])
		dst, data = dst[n:], data[size:]
	}
	whole := len(dst) / numbers
	t.Dequantize(dst[:whole*numbers], data[:whole*size])
	if dst = dst[whole*numbers:]; len(dst) > 0 {
		var block [ggml.MaxBlock]float32
		t.Dequantize(block[:numbers], data[whole*size:][:size])
		copy(dst, block[:])
	}
}
