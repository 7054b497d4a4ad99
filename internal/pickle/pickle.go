// Package pickle reads the tensors in files of torch.save: .ckpt, .pt, .pth and .bin, in
// the zip form since PyTorch 1.6 and in the form before it.
//
// A pickle is a program for a stack machine, and Python's runs any function that the
// program names. The machine here has no functions but those of a closed list, globals.go,
// which make tensors and plain values; everything else is refused by its name, also where
// nothing would call it. Some names of trainers and of NumPy that published checkpoints
// carry are let pass: they become values that nobody can look into.
//
// Opening reads the pickle alone. It checks type, offset, sizes and strides of every
// tensor against the storage that the file really has. The numbers of a tensor are read
// when they are asked for, from an open file of the operating system; other file systems
// are read into memory. There is no mapping: a file that is cut while it is open is an
// error of the read. What a file can make this package allocate is bounded by its own
// size, and for the pickle by the limits in machine.go. Of a zip archive stored entries
// alone are read, which is all that PyTorch writes. Checksums are not looked at, as
// PyTorch can be told not to write them.
//
// [File] has the methods of checkpoint.Source of package sdgo/safetensors/checkpoint but
// Config and Warnings: a source of a .bin of a folder or of a checkpoint in one file
// embeds it. [File.Names] are the keys of the dict that was saved, those of nested dicts
// joined with dots, or, if it has a dict "state_dict", the keys of that one, as
// pytorch_lightning saves it. [File.Metadata] are the numbers and texts beside it.
//
// We looked at github.com/nlpodyssey/gopickle 0.2.0, the one package for Go that knows
// PyTorch's files. It can be closed to functions, but not to memory: it allocates the
// length that an opcode gives before it reads, and keeps every storage, as float32. It has
// no strides in its zip reader's result, panics for some old files, was last changed in
// 2023, and its errors do not tell the place. So the machine is ours.
//
// https://docs.python.org/3/library/pickletools.html
// https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
package pickle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sdgo/internal/wrongfile"
)

// File is an open file of torch.save. Any number of goroutines may read; Close must come
// after the last of them.
type File struct {
	src      *source
	names    []string
	tensors  map[string]*tensor
	metadata map[string]string
}

// Open opens a file and lists its tensors. Errors name the file and the place in it: an
// offset in bytes, and the opcode there if it is in a pickle.
func Open(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	src, err := open(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err) // names it
	}
	f := &File{src: src, tensors: make(map[string]*tensor)}
	if err := f.parse(ctx); err != nil {
		src.close()
		return nil, fmt.Errorf("pickle: %s: %w", name, err)
	}
	return f, nil
}

// The beginnings of zip archives and of pickles.
const (
	zipMagic = "PK\x03\x04"
	proto    = "\x80"
)

// parse reads the pickles and lists the tensors.
func (f *File) parse(ctx context.Context) error {
	begin := make([]byte, min(f.src.size, 1<<10))
	if err := f.src.read(begin, 0); err != nil {
		return err
	}
	var root any
	var err error
	switch {
	case bytes.HasPrefix(begin, []byte(zipMagic)):
		root, err = readArchive(ctx, f.src)
	case bytes.HasPrefix(begin, []byte(proto)):
		root, err = readLegacy(ctx, f.src)
	default:
		return notTorch(begin)
	}
	if err != nil {
		return err
	}
	return f.list(root)
}

// notTorch says what a file is that begins in no way that a file of PyTorch does.
func notTorch(begin []byte) error {
	if err := wrongfile.Text(begin); err != nil {
		return fmt.Errorf("offset 0: %w", err)
	}
	const headerStart = 8 // after the length of a safetensors header
	if len(begin) > headerStart && begin[headerStart] == '{' {
		return errors.New("offset 0: this looks like a safetensors file, want a zip archive or a pickle of PyTorch")
	}
	return fmt.Errorf("offset 0: have a file that begins with %.16q, want a zip archive or a pickle of PyTorch", begin)
}

// Names returns the names of all tensors in the order of their data, which is the fastest
// one to read them in.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Tensor returns the shape of a tensor and the type of its numbers in the words of
// safetensors ("F16"), and whether there is one of that name.
func (f *File) Tensor(name string) (shape []int, dtype string, ok bool) {
	t := f.tensors[name]
	if t == nil {
		return nil, "", false
	}
	return slices.Clone(t.shape), t.dtype.String(), true
}

// Float32s converts a part of a tensor to float32, in row-major order whatever its strides
// are: as many elements as dst has room for, from number from on. See
// [safetensors.Tensor.Float32sInto] about the types.
//
// Of a tensor that does not lie in row-major order it reads the whole storage, and keeps
// it until Release.
func (f *File) Float32s(name string, from int, dst []float32) error {
	t := f.tensors[name]
	if t == nil {
		return fmt.Errorf("pickle: %s: no tensor %.200q", f.src.name, name)
	}
	if from < 0 || from > t.n || len(dst) > t.n-from {
		return fmt.Errorf("pickle: %s: tensor %.200q: have %d elements (shape %v), want %d from %d on", f.src.name, name, t.n, t.shape, len(dst), from)
	}
	if err := t.float32s(from, dst); err != nil {
		return fmt.Errorf("pickle: %s: tensor %.200q: %w", f.src.name, name, err)
	}
	return nil
}

// Release lets go of what Float32s has kept of the tensor. A name that is not there does
// nothing.
func (f *File) Release(name string) {
	if t := f.tensors[name]; t != nil {
		t.store.release()
	}
}

// Metadata returns the numbers and texts that were saved beside the tensors, such as
// "global_step", as texts. The caller must not change it.
func (f *File) Metadata() map[string]string { return f.metadata }

// Changed returns an error if the file has another size or time of change than when it was
// opened, so that what was read of it may be a mixture.
func (f *File) Changed() error {
	if err := f.src.changed(); err != nil {
		return fmt.Errorf("pickle: %s: %w", f.src.name, err)
	}
	return nil
}

// Close closes the file. Closing twice is no error.
func (f *File) Close() error {
	if err := f.src.close(); err != nil {
		return fmt.Errorf("pickle: %s: closing: %w", f.src.name, err)
	}
	return nil
}
