package loader

import (
	"fmt"
	"io"
	"io/fs"

	"sdgo/internal/gitlfs"
)

// ReadFile returns a file of at most limit bytes. A Git LFS pointer in its place is an
// error. Errors name the file.
func ReadFile(fsys fs.FS, name string, limit int) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err // names it
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(data) > limit:
		return nil, fmt.Errorf("%s: more than %d bytes", name, limit)
	case gitlfs.IsPointer(data):
		return nil, fmt.Errorf("%s: %w", name, gitlfs.ErrPointer)
	}
	return data, nil
}
