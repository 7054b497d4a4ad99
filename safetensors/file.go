// Package safetensors reads and writes the safetensors format: a JSON header
// that names tensors, their types and shapes, then their raw data.
//
//	8 bytes, little endian │ JSON, padded with spaces │ data of all tensors,
//	length of the JSON     │ to a multiple of 8       │ without gaps
//
// A file is mapped into memory, so that opening one reads only its header, and
// an F32 tensor is a slice of the mapping, not a copy. The header comes from
// outside and is checked in full before anything else is touched; what breaks
// the format is a [*FormatError] with the offset in the file. The verdicts are
// those of version 0.8 of the official implementation.
//
// https://github.com/huggingface/safetensors
package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// File is an open safetensors file, or several seen as one (see [OpenIndex]).
// Any number of goroutines may read from it; Close must come after the last of
// them.
type File struct {
	tensors  []Tensor // in the order of their data
	byName   map[string]int
	metadata map[string]string
	mappings []*mapping
}

// mapping is the content of a file, mapped or read into memory.
type mapping struct {
	data   []byte
	mapped bool
}

// close gives mapped memory back.
func (m *mapping) close() error {
	data := m.data
	m.data = nil
	if !m.mapped || data == nil {
		return nil
	}
	return unmap(data)
}

// Open maps a safetensors file into memory and checks its header. The error is
// a [*FormatError] if the content is at fault.
//
// The file must not be changed while it is open: what a tensor holds would
// change with it, and reading beyond the end of a file that was truncated
// stops the process. Replacing it by renaming another file over it, as
// [WriteFile] does, is safe; Windows refuses that while the file is open.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	return open(f, path)
}

// OpenFS is [Open] for a file of any file system. If the file comes from the
// operating system, as those of [os.DirFS] do, it is mapped; otherwise, as with
// [embed.FS], it is read into memory.
func OpenFS(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	return open(f, name)
}

// open reads the file called name; the caller closes f.
func open(f fs.File, name string) (*File, error) {
	m, err := load(f)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", name, err)
	}
	file, ferr := parse(m)
	if ferr != nil {
		m.close()
		ferr.Name = name
		return nil, ferr
	}
	return file, nil
}

// load maps f into memory, or reads it if that is not possible.
func load(f fs.File) (*mapping, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("have a file of mode %v, want a regular file", info.Mode())
	}
	size := info.Size()
	if osFile, ok := f.(*os.File); ok && size > 0 {
		if data, err := mapFile(osFile, size); err == nil {
			return &mapping{data: data, mapped: true}, nil
		}
		// Some file systems cannot map: read.
	}

	// The size is only a promise: the buffer grows with what really comes.
	const firstGrowth = 64 << 20
	var b bytes.Buffer
	b.Grow(int(min(max(size, 0), firstGrowth)) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(f, size+1))
	switch {
	case err != nil:
		return nil, err
	case n != size:
		return nil, fmt.Errorf("have a file of %d bytes or more, want the %d of its directory entry: %w", n, size, io.ErrUnexpectedEOF)
	}
	return &mapping{data: b.Bytes()}, nil
}

// parse checks the header of m and lists its tensors.
func parse(m *mapping) (*File, *FormatError) {
	n, err := headerLength(m.data)
	if err != nil {
		return nil, err
	}
	start := lengthSize + n
	h, err := parseHeader(m.data[lengthSize:start], uint64(len(m.data)-start))
	if err != nil {
		return nil, err
	}
	f := &File{
		tensors:  make([]Tensor, len(h.entries)),
		byName:   make(map[string]int, len(h.entries)),
		metadata: h.metadata,
		mappings: []*mapping{m},
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

// Names returns the names of all tensors in the order of their data, which is
// the fastest one to read them in.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}

// Tensor returns the tensor called name, and whether there is one. No data are
// read yet.
func (f *File) Tensor(name string) (Tensor, bool) {
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
func (f *File) Metadata() map[string]string { return f.metadata }

// Close unmaps the file. Every slice that came from its tensors without a copy
// is then invalid: reading one stops the process. Closing twice is no error.
func (f *File) Close() error {
	var errs []error
	for _, m := range f.mappings {
		errs = append(errs, m.close())
	}
	f.mappings = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("safetensors: closing: %w", err)
	}
	return nil
}
