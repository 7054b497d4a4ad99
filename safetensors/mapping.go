package safetensors

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

// mapping is the content of a file, mapped or read into memory.
type mapping struct {
	data   []byte
	mapped bool

	fsys fs.FS
	name string
	info fs.FileInfo // when it was opened; nil for data that are no file's
}

// close gives mapped memory back.
func (m *mapping) close() error {
	data := m.data
	m.data = nil
	if !m.mapped || data == nil {
		return nil
	}
	unregister(data)
	return unmap(data)
}

// changed tells whether a mapped file is no longer what it was, where its file system
// has Stat. A file that took its
// name in its place does not matter.
func (m *mapping) changed() error {
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

// open maps a file into memory, or reads it if that is not possible.
func open(ctx context.Context, fsys fs.FS, name string) (*mapping, error) {
	f, err := regular.Open(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	m := &mapping{fsys: fsys, name: name}
	if m.info, err = f.Stat(); err == nil {
		err = m.load(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", name, err)
	}
	return m, nil
}

// load maps or reads f.
func (m *mapping) load(ctx context.Context, f fs.File) error {
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
