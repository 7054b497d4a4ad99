// Package regular opens regular files and nothing else: opening a pipe would wait for
// its other end, and a device may never end.
package regular

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// OS is the operating system's files by any path, as [os.Open] takes it.
type OS struct{}

// Open implements fs.FS.
func (OS) Open(name string) (fs.File, error) { return os.Open(name) }

// Stat implements fs.StatFS.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// Open opens a file of fsys. It is an error, found before the file is opened as far as
// the file system can tell, if that is not a regular file. See
// [Reader] about ctx. A panic of fsys is an error, here and below.
func Open(ctx context.Context, fsys fs.FS, name string) (_ fs.File, err error) {
	defer caught(name, &err)
	if ctx == nil || fsys == nil {
		return nil, fmt.Errorf("%s: have a nil context or file system", name)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	mode, err := look(fsys, name)
	if err == nil {
		err = check(mode)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		if !ok {
			f.Close()
		}
	}()
	info, err := f.Stat()
	switch {
	case err == nil && info == nil:
		err = errors.New("the file system does not describe it")
	case err == nil:
		err = check(info.Mode())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	ok = true
	return f, nil
}

// caught makes a panic of a file system, which is code of the caller's, an error.
func caught(name string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: the file system panicked: %v", name, r)
	}
}

// look returns the mode of a file without opening it, or that of a regular one if the
// file system does not tell. That there is none is left to opening it.
func look(fsys fs.FS, name string) (fs.FileMode, error) {
	mode, err := Mode(fsys, name)
	for _, quiet := range []error{fs.ErrNotExist, fs.ErrInvalid, fs.ErrPermission} {
		if errors.Is(err, quiet) {
			return 0, nil
		}
	}
	return mode, err
}

// Mode returns the mode of a file or folder without opening it: as Stat tells if the
// file system has that, else as its folder is listed, where a symbolic link counts as a
// regular file.
func Mode(fsys fs.FS, name string) (_ fs.FileMode, err error) {
	defer caught(name, &err)
	if s, ok := fsys.(fs.StatFS); ok {
		info, err := s.Stat(name)
		if err != nil {
			return 0, err
		}
		return info.Mode(), nil
	}
	if name == "." {
		return fs.ModeDir, nil
	}
	entries, err := list(fsys, path.Dir(name))
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if e.Name() == path.Base(name) {
			return e.Type() &^ fs.ModeSymlink, nil
		}
	}
	return 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// ReadDir lists a folder. It is an error, found before it is opened as far as the file
// system can tell, if that is something else.
func ReadDir(fsys fs.FS, dir string) (_ []fs.DirEntry, err error) {
	defer caught(dir, &err)
	mode, err := look(fsys, dir)
	if err == nil && mode.Type()&^fs.ModeDir != 0 {
		err = fmt.Errorf("%s: have a file of mode %v, want a folder", dir, mode)
	}
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(fsys, dir)
}

// list returns what is in a folder, or nothing if the file system has no folders.
func list(fsys fs.FS, dir string) ([]fs.DirEntry, error) {
	if l, ok := fsys.(fs.ReadDirFS); ok {
		return l.ReadDir(dir)
	}
	f, err := fsys.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if l, ok := f.(fs.ReadDirFile); ok {
		return l.ReadDir(-1)
	}
	return nil, nil
}

// check is an error for the mode of all but regular files.
func check(mode fs.FileMode) error {
	kinds := []struct {
		bit  fs.FileMode
		name string
	}{
		{fs.ModeDir, "a directory"}, {fs.ModeNamedPipe, "a named pipe"}, {fs.ModeSocket, "a socket"}, {fs.ModeDevice, "a device"},
	}
	for _, k := range kinds {
		if mode&k.bit != 0 {
			return fmt.Errorf("have %s, want a regular file", k.name)
		}
	}
	if !mode.IsRegular() {
		return fmt.Errorf("have a file of mode %v, want a regular file", mode)
	}
	return nil
}

// Reader reads from r until ctx is done, and then returns ctx's error. It asks r for
// 1 MiB at most, so that ctx is looked at often.
func Reader(ctx context.Context, r io.Reader) io.Reader { return &reader{ctx: ctx, from: r} }

type reader struct {
	ctx   context.Context
	from  io.Reader
	empty int // reads in a row that brought nothing
}

// maxEmpty is how many reads in a row may bring nothing, as in package bufio.
const maxEmpty = 100

func (r *reader) Read(b []byte) (n int, err error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("the file panicked: %v", p)
		}
	}()
	b = b[:min(len(b), 1<<20)]
	if n, err = r.from.Read(b); n < 0 || n > len(b) {
		return 0, fmt.Errorf("the file says that it read %d bytes, want 0 to %d", n, len(b))
	}
	if r.empty++; n > 0 || err != nil || len(b) == 0 {
		r.empty = 0
	}
	if r.empty == maxEmpty {
		return 0, io.ErrNoProgress
	}
	return n, err
}

// ReadFile returns the content of a regular file of at most limit bytes; a larger one
// is an error.
func ReadFile(ctx context.Context, fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := Open(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(Reader(ctx, f), limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(src)) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return src, nil
}
