// Package mapped has files as memory: mapped, if they are the operating system's, or else
// read. A part of a mapped file that is no longer there ends the process that reads it, but
// within [Guard].
package mapped

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"sdgo/internal/regular"
)

// File is the content of a file, mapped or read into memory.
type File struct {
	data   []byte
	mapped bool

	fsys fs.FS
	name string
	info fs.FileInfo // when it was opened; nil for data that are no file's
}

// Of returns data as the content of no file.
func Of(data []byte) *File { return &File{data: data} }

// Name is the file as it was given to Open.
func (m *File) Name() string { return m.name }

// Bytes returns the content, which must not be written to; nil after Close.
func (m *File) Bytes() []byte { return m.data }

// Close gives mapped memory back, and what [File.Bytes] returned with it. Closing twice is
// no error.
func (m *File) Close() error {
	data := m.data
	m.data = nil
	if !m.mapped || data == nil {
		return nil
	}
	unregister(data)
	return unmap(data)
}

// Changed returns an error if a mapped file has another size or time of change than when it
// was opened, where its file system has Stat. A file that took its name in its place does
// not matter.
func (m *File) Changed() error {
	fsys, ok := m.fsys.(fs.StatFS)
	if !m.mapped || m.data == nil || !ok {
		return nil
	}
	now, err := fsys.Stat(m.name)
	if err != nil || !os.SameFile(m.info, now) {
		return nil
	}
	if now.Size() != m.info.Size() || !now.ModTime().Equal(m.info.ModTime()) {
		return fmt.Errorf("the file was changed while it was open: had %d bytes of %s, has %d of %s",
			m.info.Size(), m.info.ModTime().Format(time.RFC3339Nano), now.Size(), now.ModTime().Format(time.RFC3339Nano))
	}
	return nil
}

// Release tells the operating system that bytes from begin to end of a mapped file are not
// needed for now, so that they no longer count as memory of this process. They stay
// readable: the next access brings them back. Whole pages are released: the one that the end
// shares with what follows stays.
func (m *File) Release(begin, end int) {
	if !m.mapped || end > len(m.data) {
		return
	}
	page := os.Getpagesize()
	begin = begin / page * page
	if end < len(m.data) {
		end = end / page * page
	}
	if begin < end {
		dropPages(m.data[begin:end])
	}
}

// Open maps a file into memory, or reads it if that is not possible. Only regular files are
// opened. Errors name the file.
func Open(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	f, err := regular.Open(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &File{fsys: fsys, name: name}
	if m.info, err = f.Stat(); err == nil {
		err = m.load(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// load maps or reads f.
func (m *File) load(ctx context.Context, f fs.File) error {
	size := m.info.Size()
	if osFile, ok := f.(*os.File); ok && size > 0 {
		if data, err := mapFile(osFile, size); err == nil {
			m.data, m.mapped = data, true
			register(m)
			return nil
		}
		// Some file systems cannot map: read.
	}

	// The size is only a promise: the buffer grows with what really comes.
	const firstGrowth = 64 << 20
	var b bytes.Buffer
	b.Grow(int(min(max(size, 0), firstGrowth)) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(regular.Reader(ctx, f), size+1))
	switch {
	case err != nil:
		return err
	case n != size:
		return fmt.Errorf("have a file of %d bytes or more, want the %d of its directory entry: %w", n, size, io.ErrUnexpectedEOF)
	}
	m.data = b.Bytes()
	return nil
}
