package pickle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"sdgo/internal/regular"
)

// source is the file that is read, at any place.
type source struct {
	name   string
	size   int64
	at     io.ReaderAt
	file   *os.File // nil if the file is in memory
	info   fs.FileInfo
	closed atomic.Bool
}

// open opens a file of the operating system, or reads one of another file system.
func open(ctx context.Context, fsys fs.FS, name string) (*source, error) {
	f, err := regular.Open(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	s := &source{name: name}
	if s.info, err = f.Stat(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.size = s.info.Size()
	if file, ok := f.(*os.File); ok {
		s.file, s.at = file, file
		return s, nil
	}
	defer f.Close()
	// The size is only a promise: the buffer grows with what really comes.
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(regular.Reader(ctx, f), s.size+1))
	if err == nil && n != s.size {
		err = fmt.Errorf("have a file of %d bytes or more, want the %d of its directory entry: %w", n, s.size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.at = bytes.NewReader(b.Bytes())
	return s, nil
}

// read fills dst from a place in the file.
func (s *source) read(dst []byte, at int64) error {
	if s.closed.Load() {
		return fmt.Errorf("the file is closed: %w", os.ErrClosed)
	}
	n, err := s.at.ReadAt(dst, at)
	if n == len(dst) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("offset %d: have %d bytes, want %d: %w", at, n, len(dst), err)
}

// changed tells whether the open file is no longer what it was.
func (s *source) changed() error {
	if s.file == nil || s.closed.Load() {
		return nil
	}
	now, err := s.file.Stat()
	if err != nil {
		return err
	}
	if now.Size() != s.size || !now.ModTime().Equal(s.info.ModTime()) {
		return fmt.Errorf("the file was changed while it was open: had %d bytes of %s, has %d of %s",
			s.size, s.info.ModTime().Format(time.RFC3339Nano), now.Size(), now.ModTime().Format(time.RFC3339Nano))
	}
	return nil
}

// close closes the file.
func (s *source) close() error {
	if s.closed.Swap(true) || s.file == nil {
		return nil
	}
	return s.file.Close()
}
