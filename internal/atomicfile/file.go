// Package atomicfile writes files that appear at their places whole or not at all.
package atomicfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// File is a file that nobody sees before Commit.
type File struct {
	f         *os.File
	path      string // where it goes
	folder    string // of path, with a separator at its end, or empty
	temporary string // its name until then; empty if it has none
}

// Create begins a file that [File.Commit] puts at path, in place of what is there.
// A symbolic link at path is followed, also one to a file that is yet to be made.
// It is an error if anything but a regular file is there, or one that may not be written
// to, though a new file could take its place.
//
// On Linux the file has no name before Commit, so that nothing is left of it when the
// process is killed. Other systems, and file systems without such files, have a
// temporary file in the same folder.
func Create(path string) (*File, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case path == "" || err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	target, err := follow(path)
	if err != nil {
		return nil, err
	}
	if info != nil {
		old, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return nil, at(path, err)
		}
		old.Close()
	}
	f := &File{path: target}
	f.folder, _ = filepath.Split(target)
	if f.f, err = openUnnamed(cmp.Or(f.folder, ".")); err != nil {
		if err := f.openTemporary(); err != nil {
			return nil, at(path, err)
		}
	}
	if info != nil {
		f.f.Chmod(info.Mode().Perm()) // as writing into the old file would leave it; where that fails it is a new one's
	}
	return f, nil
}

// Check finds out whether files can be written to all paths at a time, each to a place of
// its own, and leaves no trace.
func Check(paths ...string) error {
	const block = 4096 // on a full disk a file can be made and not be filled
	places := map[string]string{}
	for _, path := range paths {
		f, err := Create(path)
		if err != nil {
			return err
		}
		defer f.Discard()
		place := filepath.Clean(f.path)
		if other, twice := places[place]; twice {
			return fmt.Errorf("%s is the same file as %s", path, other)
		}
		places[place] = path
		if _, err := f.Write(make([]byte, block)); err != nil {
			return err
		}
	}
	return nil
}

// Write adds to the file.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	return n, at(f.path, err)
}

// Commit puts all files at their places, or none if one of them cannot be flushed to
// the disk or has got a folder in its place since Create.
func Commit(files ...*File) error {
	for _, f := range files {
		if err := f.f.Sync(); err != nil {
			return at(f.path, err)
		}
		if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file", f.path)
		}
	}
	for _, f := range files {
		if err := f.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Commit flushes the file to the disk and puts it at its place. A reader sees the
// old content there or the new one, also after a crash. After an error the old
// content is untouched, unless what failed was the last thing, to flush the folder.
func (f *File) Commit() error {
	defer f.Discard()
	if err := f.f.Sync(); err != nil {
		return at(f.path, err)
	}
	if f.temporary == "" {
		err := link(f.f, f.path)
		if err == nil {
			return syncFolder(cmp.Or(f.folder, "."))
		}
		if err := f.giveName(errors.Is(err, fs.ErrExist)); err != nil {
			return at(f.path, err)
		}
	}
	if err := f.f.Close(); err != nil { // Windows renames no open file
		return at(f.path, err)
	}
	if err := os.Rename(f.temporary, f.path); err != nil {
		return at(f.path, err)
	}
	f.temporary = ""
	return syncFolder(cmp.Or(f.folder, "."))
}

// Discard gives the file up. After Commit it does nothing.
func (f *File) Discard() {
	f.f.Close() // a second time does no harm
	if f.temporary != "" {
		os.Remove(f.temporary)
		f.temporary = ""
	}
}

// giveName gives an unnamed file a temporary name, as only a rename replaces
// another file: by a link, or by a copy where there are none.
func (f *File) giveName(links bool) error {
	for links {
		name := f.temporaryName()
		err := link(f.f, name)
		if err == nil {
			f.temporary = name
			return nil
		}
		links = errors.Is(err, fs.ErrExist)
	}
	unnamed := f.f
	defer unnamed.Close()
	if err := f.openTemporary(); err != nil {
		return err
	}
	if _, err := unnamed.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(f.f, unnamed); err != nil {
		return err
	}
	return f.f.Sync()
}

// openTemporary creates the file under a temporary name, with the permissions that
// any new file gets.
func (f *File) openTemporary() error {
	for {
		name := f.temporaryName()
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			f.f, f.temporary = file, name
		}
		return err
	}
}

// temporaryName is short whatever path is: names may have 255 bytes.
func (f *File) temporaryName() string {
	return fmt.Sprintf("%s.sdgo-%016x.tmp", f.folder, rand.Uint64())
}

// follow returns the path that a symbolic link at path leads to in the end.
func follow(path string) (string, error) {
	const most = 40 // links, as in Linux
	target := path
	for range most {
		info, err := os.Lstat(target)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return target, nil
		}
		next, err := os.Readlink(target)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			folder, _ := filepath.Split(target)
			next = folder + next // not joined: ".." after a link to a folder is that folder's parent
		}
		target = next
	}
	return "", &fs.PathError{Op: "create", Path: path, Err: syscall.ELOOP}
}

// at names the file that was meant in place of a temporary one.
func at(path string, err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	if linkErr := (*os.LinkError)(nil); errors.As(err, &linkErr) {
		err = linkErr.Err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}
