package loader

import (
	"context"
	"io/fs"

	"sdgo/internal/gguf"
)

// openGGUF opens a file of GGUF.
func openGGUF(ctx context.Context, fsys fs.FS, name string) (stored, error) {
	f, err := gguf.Open(ctx, fsys, name)
	if err != nil {
		return nil, err // not a nil *gguf.File, which would be no nil stored
	}
	return f, nil
}
