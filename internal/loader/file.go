package loader

import (
	"context"
	"fmt"
	"io/fs"

	"sdgo/internal/gitlfs"
	"sdgo/internal/regular"
)

// ReadFile returns a regular file of at most limit bytes. A Git LFS pointer in its
// place is an error. Errors name the file.
func ReadFile(ctx context.Context, fsys fs.FS, name string, limit int) ([]byte, error) {
	data, err := regular.ReadFile(ctx, fsys, name, int64(limit))
	if err == nil && gitlfs.IsPointer(data) {
		err = fmt.Errorf("%s: %w", name, gitlfs.ErrPointer)
	}
	if err != nil {
		return nil, err // names it
	}
	return data, nil
}
