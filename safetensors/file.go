// Package safetensors reads and writes the safetensors format: a JSON header
// that names tensors, their types and shapes, then their raw data.
//
//	8 bytes, little endian │ JSON, padded with spaces │ data of all tensors,
//	length of the JSON     │ to a multiple of 8       │ without gaps
//
//	file, err := safetensors.Open("model.safetensors")
//	…
//	defer file.Close()
//	for _, name := range file.Names() {
//		t, _ := file.Tensor(name)
//		numbers, err := t.Float32s() // in row-major order of t.Shape
//		…
//	}
//
// A file is mapped into memory, so that opening one reads only its header, and
// an F32 tensor is a slice of the mapping, not a copy. The header comes from
// outside and is checked in full before anything else is touched; what breaks
// the format is a [*FormatError] with the offset in the file. The verdicts are
// those of version 0.8 of the official implementation, but for bounds on what a header
// costs to read: at most 2^18 tensors and as many metadata, and 64 dimensions.
//
// [OpenIndex] shows the files of a *.index.json as one, [OpenFS] reads any file system,
// and [WriteFile] writes a file whole or not at all.
//
// https://github.com/huggingface/safetensors
package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sdgo/internal/mapped"
	"sdgo/internal/regular"
)

// File is an open safetensors file, or several seen as one (see [OpenIndex]).
// Any number of goroutines may read from it; Close must come after the last of
// them.
type File struct {
	tensors  []Tensor // in the order of their data
	byName   map[string]int
	metadata map[string]string
	mappings []*mapped.File
	header   int // bytes of the header
}

// Open maps a safetensors file into memory and checks its header. The error is
// a [*FormatError] if the content is at fault.
//
// The file should not be changed while it is open: what a tensor holds would
// change with it, see [File.Changed], and where the file was cut there is nothing to
// read. The methods of [Tensor] that copy then return a [*FaultError]; those that
// return a part of the mapping leave that to [Guard]. Replacing the file by renaming
// another over it, as [WriteFile] does, is safe; Windows refuses that while the file
// is open.
//
// Only regular files are opened: a pipe, a socket, a device or a directory is an
// error, and is not waited for.
func Open(path string) (*File, error) { return OpenFS(regular.OS{}, path) }

// OpenFS is [Open] for a file of any file system. If the file comes from the
// operating system, as those of [os.DirFS] do, it is mapped; otherwise, as with
// [embed.FS], it is read into memory.
func OpenFS(fsys fs.FS, name string) (*File, error) {
	return OpenFSContext(context.Background(), fsys, name)
}

// OpenFSContext is [OpenFS] that returns ctx's error soon after ctx is done.
func OpenFSContext(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	m, err := mapped.Open(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	var file *File
	err = Guard(func() error {
		var ferr *FormatError
		if file, ferr = parse(ctx, m); ferr != nil {
			ferr.Name = name
			return ferr
		}
		return nil
	})
	if err != nil {
		m.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("safetensors: %s: %w", name, ctx.Err())
		}
		return nil, err
	}
	return file, nil
}

// parse checks the header of m and lists its tensors.
func parse(ctx context.Context, m *mapped.File) (*File, *FormatError) {
	n, err := headerLength(m.Bytes())
	if err != nil {
		return nil, err
	}
	start := lengthSize + n
	h, err := parseHeader(ctx, m.Bytes()[lengthSize:start], uint64(len(m.Bytes())-start))
	if err != nil {
		return nil, err
	}
	f := &File{
		tensors:  make([]Tensor, len(h.entries)),
		byName:   make(map[string]int, len(h.entries)),
		metadata: h.metadata,
		mappings: []*mapped.File{m},
		header:   n,
	}
	for i, e := range h.entries {
		f.tensors[i] = Tensor{
			Name: e.name, DType: e.dtype, Shape: e.shape,
			from: m, begin: start + int(e.begin), end: start + int(e.end),
		}
		f.byName[e.name] = i
	}
	return f, nil
}

// errNoFile is the error of a nil file, as os.ErrInvalid is.
var errNoFile = errors.New("safetensors: have a nil file, want one from Open")

// Names returns the names of all tensors in the order of their data, which is
// the fastest one to read them in.
func (f *File) Names() []string {
	if f == nil {
		return nil
	}
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}

// Tensor returns the tensor called name, and whether there is one. No data are
// read yet.
func (f *File) Tensor(name string) (Tensor, bool) {
	if f == nil {
		return Tensor{}, false
	}
	i, ok := f.byName[name]
	if !ok {
		return Tensor{}, false
	}
	t := f.tensors[i]
	t.Shape = slices.Clone(t.Shape)
	return t, true
}

// Metadata returns the file's free-form metadata, which the caller must not
// change; nil if there are none. Of an index it returns those of the first
// shard.
func (f *File) Metadata() map[string]string {
	if f == nil {
		return nil
	}
	return f.metadata
}

// Changed returns an error that names the file if a mapped file has another size or
// time of change than when it was opened, so that what was read of it may be a mixture.
func (f *File) Changed() error {
	if f == nil {
		return errNoFile
	}
	for _, m := range f.mappings {
		if err := m.Changed(); err != nil {
			return fmt.Errorf("safetensors: %s: %w", m.Name(), err)
		}
	}
	return nil
}

// Close unmaps the file. Every slice that came from its tensors without a copy
// is then invalid: reading one stops the process. Closing twice is no error.
func (f *File) Close() error {
	if f == nil {
		return errNoFile
	}
	var errs []error
	for _, m := range f.mappings {
		errs = append(errs, m.Close())
	}
	f.mappings = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("safetensors: closing: %w", err)
	}
	return nil
}
