package gguf

import (
	"fmt"

	"sdgo/internal/mapped"
)

// Stored copies bytes of a tensor's blocks, in the type that Tensor names: as many as dst
// has room for, from byte from on.
func (f *File) Stored(name string, from int64, dst []byte) error {
	e, data, err := f.stored(name)
	if err != nil {
		return err
	}
	if n := int64(len(data)); from < 0 || from > n || int64(len(dst)) > n-from {
		return f.wrap(fmt.Errorf("tensor %.200q: have %d bytes (shape %v), want %d from %d on", name, n, e.shape, len(dst), from))
	}
	err = mapped.Guard(func() error {
		copy(dst, data[from:])
		return nil
	})
	if err != nil {
		return f.wrap(fmt.Errorf("tensor %.200q: %w", name, err))
	}
	return nil
}
