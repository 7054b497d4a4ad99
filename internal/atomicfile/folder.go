package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Folder is a folder that is not at its place before Commit. Until then it has a temporary
// name beside it, .sdgo-….tmp, which a process that is killed leaves behind.
type Folder struct {
	path, temporary string
	replace         bool
	files           []*os.File
}

// CreateFolder begins a folder that [Folder.Commit] puts at path. It is an error if
// something is there but an empty folder, unless replace says that another folder may be
// replaced. A symbolic link at path is followed.
func CreateFolder(path string, replace bool) (*Folder, error) {
	target, err := follow(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	f := &Folder{path: target, replace: replace}
	if err := f.free(); err != nil {
		return nil, err
	}
	for {
		f.temporary = filepath.Join(filepath.Dir(target), fmt.Sprintf(".sdgo-%016x.tmp", rand.Uint64()))
		err := os.Mkdir(f.temporary, 0o777)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, at(path, err)
		}
	}
}

// free wants nothing at the place that may not be replaced.
func (f *Folder) free() error {
	entries, err := os.ReadDir(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return at(f.path, err)
	case len(entries) > 0 && !f.replace:
		return at(f.path, fs.ErrExist)
	}
	return nil
}

// Create makes a file of the folder, with the folders in its name. It is open until
// Commit or Discard.
func (f *Folder) Create(name string) (*os.File, error) {
	path := filepath.Join(f.temporary, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, at(name, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, at(name, err)
	}
	f.files = append(f.files, file)
	return file, nil
}

// Commit flushes all to the disk and puts the folder at its place. After an error what was
// there is untouched, unless what failed was the last thing, to remove or flush the old.
func (f *Folder) Commit() error {
	defer f.Discard()
	for _, file := range f.files {
		err := file.Sync()
		if err := errors.Join(err, file.Close()); err != nil {
			return at(file.Name(), err)
		}
	}
	f.files = nil
	err := filepath.WalkDir(f.temporary, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(path)
	})
	if err == nil {
		err = f.free()
	}
	if err != nil {
		return at(f.path, err)
	}
	return f.put()
}

// put gives the folder its name. What is there gets the temporary name, at once where the
// system can exchange two.
func (f *Folder) put() error {
	if err := os.Rename(f.temporary, f.path); err == nil { // nothing was there, or an empty folder
		f.temporary = ""
		return syncFolder(filepath.Dir(f.path))
	}
	if err := exchange(f.temporary, f.path); err != nil {
		old := f.temporary + ".old"
		if err := os.Rename(f.path, old); err != nil {
			return at(f.path, err)
		}
		if err := os.Rename(f.temporary, f.path); err != nil {
			return at(f.path, errors.Join(err, os.Rename(old, f.path)))
		}
		f.temporary = old
	}
	old := f.temporary
	f.temporary = ""
	if err := os.RemoveAll(old); err != nil {
		return at(f.path, fmt.Errorf("what was there before could not be removed: %w", err))
	}
	return syncFolder(filepath.Dir(f.path))
}

// Discard gives the folder up. After Commit it does nothing.
func (f *Folder) Discard() {
	for _, file := range f.files {
		file.Close()
	}
	f.files = nil
	if f.temporary != "" {
		os.RemoveAll(f.temporary)
		f.temporary = ""
	}
}
