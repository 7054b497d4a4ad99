package loader

import (
	"context"
	"fmt"
	"io/fs"

	"sdgo/internal/regular"
	"sdgo/internal/wrongfile"
)

// ReadFile returns a regular file of at most limit bytes. A Git LFS pointer or a web
// page in its place is an error. Errors name the file.
func ReadFile(ctx context.Context, fsys fs.FS, name string, limit int) ([]byte, error) {
	data, err := regular.ReadFile(ctx, fsys, name, int64(limit))
	if err != nil {
		return nil, err // names it
	}
	if err := wrongfile.Text(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}
