package loader

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
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

// OpenBeside opens a weight file of a component by the configuration beside it, config.json.
// It is an error with fs.ErrNotExist in it if there is none, or the file has another name
// than diffusers gives one.
func OpenBeside(ctx context.Context, kind Kind, fsys fs.FS, name string) (checkpoint.Source, error) {
	_, plain := variantOf(name, kind.Base, safetensorsExt)
	_, pickle := variantOf(name, pickleBase(kind.Base), pickleExt)
	if !plain && !pickle {
		return nil, fmt.Errorf("loader: %s: %w", name, fs.ErrNotExist)
	}
	text, err := readConfig(ctx, kind, fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind.Name, err)
	}
	file, err := openFile(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("%s: loader: %w", kind.Name, err)
	}
	return &Folder{config: text, path: name, file: file}, nil
}

// Metadata are what the file says beside its tensors.
func (f *Folder) Metadata() map[string]string {
	if m, ok := f.file.(interface{ Metadata() map[string]string }); ok {
		return m.Metadata()
	}
	return nil
}
