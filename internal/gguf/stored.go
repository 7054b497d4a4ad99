package gguf

import (
	"fmt"
	"os"

	"sdgo/internal/mapped"
)

// Stored copies bytes of a tensor's blocks, in the type that Tensor names: as many as dst
// has room for, from byte from on.
func (f *File) Stored(name string, from int64, dst []byte) error {
	i, ok := f.byName[name]
	if !ok {
		return f.wrap(fmt.Errorf("no tensor %.200q", name))
	}
	if f.content.Bytes() == nil {
		return f.wrap(fmt.Errorf("tensor %.200q: the file is closed: %w", name, os.ErrClosed))
	}
	_, data, _ := f.Blocks(name)
	if n := int64(len(data)); from < 0 || from > n || int64(len(dst)) > n-from {
		return f.wrap(fmt.Errorf("tensor %.200q: have %d bytes (shape %v), want %d from %d on", name, n, f.tensors[i].shape, len(dst), from))
	}
	err := mapped.Guard(func() error {
		copy(dst, data[from:])
		return nil
	})
	if err != nil {
		return f.wrap(fmt.Errorf("tensor %.200q: %w", name, err))
	}
	return nil
}
