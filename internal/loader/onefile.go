package loader

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sdgo/safetensors"
)

// OpenFile opens one file, whatever its tensors are: one of PyTorch if it is called .ckpt,
// .pt, .pth or .bin, of which nothing is executed, one of GGUF if it is called .gguf, and
// else safetensors. It has no configuration. Errors name the file.
func OpenFile(ctx context.Context, fsys fs.FS, name string) (*Folder, error) {
	var file stored
	var err error
	switch strings.ToLower(path.Ext(name)) {
	case ".ckpt", ".pt", ".pth", ".bin":
		file, err = openPickle(ctx, fsys, name)
	case ".gguf":
		file, err = openGGUF(ctx, fsys, name)
	default:
		var f *safetensors.File
		f, err = safetensors.OpenFSContext(ctx, fsys, name)
		file = safetensorsFile{f}
	}
	if err != nil {
		return nil, fmt.Errorf("loader: %w", err)
	}
	return &Folder{path: name, file: file}, nil
}

// Metadata are what the file says beside its tensors.
func (f *Folder) Metadata() map[string]string {
	if m, ok := f.file.(interface{ Metadata() map[string]string }); ok {
		return m.Metadata()
	}
	return nil
}
