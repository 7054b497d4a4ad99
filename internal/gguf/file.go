package gguf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"slices"

	"sdgo/internal/mapped"
)

// File is an open file. It has the methods of checkpoint.Source of package
// sdgo/safetensors/checkpoint but Config and Warnings. Any number of goroutines may read;
// Close must come after the last of them.
type File struct {
	content *mapped.File
	tensors []entry // in the order of their numbers
	byName  map[string]int
	fields  map[string]rawField
}

// Open opens a file and checks all of it but the numbers: every tensor has the bytes that
// its type and shape ask for, within the file, and no two share any. Nothing is allocated
// for a size that a file claims and does not have. Errors name the file and the place in
// it, an offset in bytes.
//
// A tensor that was reshaped to rows of 256 numbers, as ComfyUI-GGUF's converter does with
// convolutions, has the shape that a field comfy.gguf.orig_shape.NAME says.
func Open(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	content, err := mapped.Open(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f := &File{content: content, byName: make(map[string]int)}
	if err := mapped.Guard(func() error { return f.parse(ctx) }); err != nil {
		content.Close()
		return nil, f.wrap(err)
	}
	return f, nil
}

// wrap names the file in an error. A fault does so itself.
func (f *File) wrap(err error) error {
	if fault := (*mapped.Fault)(nil); errors.As(err, &fault) {
		return fmt.Errorf("gguf: %w", err)
	}
	return fmt.Errorf("gguf: %s: %w", f.content.Name(), err)
}

// parse reads the header.
func (f *File) parse(ctx context.Context) error {
	data := f.content.Bytes()
	h, err := parseHeader(ctx, data)
	if err != nil {
		return err
	}
	f.fields = h.fields
	in, err := f.layout(uint64(h.end))
	if err != nil {
		return err
	}
	for i := range h.tensors {
		e := &h.tensors[i]
		if err := e.place(in); err != nil {
			return err
		}
		if field, ok := f.fields[original+e.name]; ok {
			if err := e.reshape(field, data); err != nil {
				return err
			}
		}
	}
	return f.list(h.tensors)
}

// layout returns where the numbers may be, after a header that ends so.
func (f *File) layout(end uint64) (layout, error) {
	alignment := uint64(defaultAlignment)
	if field, ok := f.fields[alignmentKey]; ok {
		v, ok := field.value(f.content.Bytes()).(uint32)
		if !ok || bits.OnesCount32(v) != 1 {
			return layout{}, fmt.Errorf("offset %d: %s: have %d of kind %v, want a power of two of kind %v", field.begin, alignmentKey, v, field.kind, kindUint32)
		}
		alignment = uint64(v)
	}
	start := (end + alignment - 1) / alignment * alignment
	return layout{alignment: alignment, start: start, size: uint64(len(f.content.Bytes()))}, nil
}

// list lists the tensors in the order of their numbers, of which no two may have the same.
func (f *File) list(tensors []entry) error {
	slices.SortStableFunc(tensors, func(a, b entry) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.size, b.size)) })
	f.tensors = tensors
	for i := range tensors {
		e := &tensors[i]
		if _, ok := f.byName[e.name]; ok {
			return e.errorf("comes twice")
		}
		f.byName[e.name] = i
		if i == 0 {
			continue
		}
		if before := &tensors[i-1]; e.begin < before.end() {
			return e.errorf("begins at offset %d, within tensor %.200q, which ends at %d", e.begin, before.name, before.end())
		}
	}
	return nil
}

// Names returns the names of all tensors in the order of their numbers, which is the
// fastest one to read them in.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i, e := range f.tensors {
		names[i] = e.name
	}
	return names
}

// Tensor returns the shape of a tensor and the name of its type, such as "F16" or "Q4_K",
// and whether there is one of that name.
func (f *File) Tensor(name string) (shape []int, dtype string, ok bool) {
	i, ok := f.byName[name]
	if !ok {
		return nil, "", false
	}
	e := f.tensors[i]
	return slices.Clone(e.shape), e.typ.String(), true
}

// Metadata returns the fields that are one number, bool or text of at most 64 KiB, as texts,
// or nil if the file is closed, or cannot be read any more.
func (f *File) Metadata() map[string]string {
	data, all := f.content.Bytes(), make(map[string]string)
	if data == nil {
		return nil
	}
	err := mapped.Guard(func() error {
		for key, field := range f.fields {
			if text, ok := field.text(data); ok {
				all[key] = text
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return all
}

// Value returns the value of a field as [Field] has it, one of arrays as a []any, and
// whether there is one and it can be read.
func (f *File) Value(key string) (value any, ok bool) {
	field, ok := f.fields[key]
	if !ok || f.content.Bytes() == nil {
		return nil, false
	}
	err := mapped.Guard(func() error {
		value = field.value(f.content.Bytes())
		return nil
	})
	return value, err == nil
}

// Release tells the operating system that a tensor's part of the file is not needed for
// now. A name that is not there does nothing.
func (f *File) Release(name string) {
	if i, ok := f.byName[name]; ok {
		f.content.Release(int(f.tensors[i].begin), int(f.tensors[i].end()))
	}
}

// Changed returns an error if the file is no longer what it was when it was opened, so that
// what was read of it may be a mixture.
func (f *File) Changed() error {
	if err := f.content.Changed(); err != nil {
		return f.wrap(err)
	}
	return nil
}

// Close closes the file. Closing twice is no error.
func (f *File) Close() error {
	if err := f.content.Close(); err != nil {
		return f.wrap(fmt.Errorf("closing: %w", err))
	}
	return nil
}
