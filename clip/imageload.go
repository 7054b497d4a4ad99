package clip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/model"
	"sdgo/internal/regular"
	"sdgo/safetensors/checkpoint"
)

// LoadImageEncoder loads the image encoder at a path: a folder with config.json and
// weights in safetensors, or in pytorch_model.bin where there are none, of a
// CLIPVisionModel, a CLIPVisionModelWithProjection or the vision half of a whole CLIPModel;
// or a file of any name, in the names of transformers, of OpenCLIP or of OpenAI's code,
// with a config.json beside it or not. Options may be nil.
func LoadImageEncoder(path string, o *LoadOptions) (*ImageEncoder, error) {
	return LoadImageEncoderContext(context.Background(), path, o)
}

// LoadImageEncoderContext is [LoadImageEncoder] that returns ctx's error soon after ctx
// is done.
func LoadImageEncoderContext(ctx context.Context, name string, o *LoadOptions) (*ImageEncoder, error) {
	name = filepath.Clean(name) // a folder may end in a slash
	return LoadImageEncoderFSContext(ctx, os.DirFS(filepath.Dir(name)), filepath.Base(name), o)
}

// LoadImageEncoderFS loads the image encoder in the folder or file called name of fsys.
// Options may be nil.
func LoadImageEncoderFS(fsys fs.FS, name string, o *LoadOptions) (*ImageEncoder, error) {
	return LoadImageEncoderFSContext(context.Background(), fsys, name, o)
}

// LoadImageEncoderFSContext is [LoadImageEncoderFS] that returns ctx's error soon after
// ctx is done.
func LoadImageEncoderFSContext(ctx context.Context, fsys fs.FS, name string, o *LoadOptions) (*ImageEncoder, error) {
	variant := ""
	if o != nil {
		variant = o.Variant
	}
	src, err := OpenImageEncoder(ctx, fsys, name, variant)
	if err != nil {
		return nil, err
	}
	return LoadImageEncoderFrom(ctx, src, o)
}

// OpenImageEncoder opens the checkpoint of an image encoder in the folder or file called
// name of fsys, for LoadImageEncoderFrom, or a [checkpoint.Overlay] between the two. Variant
// is that of LoadOptions, for a folder.
func OpenImageEncoder(ctx context.Context, fsys fs.FS, name, variant string) (checkpoint.Source, error) {
	if ctx == nil || fsys == nil {
		return nil, errors.New("clip: have a nil context or file system to load from")
	}
	if mode, err := regular.Mode(fsys, name); err != nil || mode.IsDir() {
		return loader.Open(ctx, loader.ImageEncoder, fsys, name, variant) // which says what is wrong
	}
	if dir := path.Dir(name); path.Ext(name) != ".gguf" {
		sub, err := fs.Sub(fsys, dir)
		if err != nil {
			return nil, fmt.Errorf("clip: %w", err)
		}
		src, err := loader.OpenBeside(ctx, loader.ImageEncoder, sub, path.Base(name))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return src, err
		}
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	part, err := ldm.OpenVision(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("clip: %s: %w", name, err)
	}
	return visionFile{part, file}, nil
}

// visionFile is an image encoder whose file is open for it alone.
type visionFile struct {
	*ldm.Part
	file *loader.Folder
}

// Warnings says what was guessed of the structure.
func (f visionFile) Warnings() []string {
	if guesses := f.Guesses("image encoder"); guesses != "" {
		return []string{guesses}
	}
	return nil
}

// Close closes the file.
func (f visionFile) Close() error { return f.file.Close() }

// LoadImageEncoderFrom loads an image encoder from a checkpoint, which it closes, and
// returns ctx's error soon after ctx is done. Options may be nil; their Variant has no
// effect.
func LoadImageEncoderFrom(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*ImageEncoder, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	e := &ImageEncoder{}
	m, err := model.Load(ctx, "clip", src, model.LoadOptions(*o), e.define)
	if err != nil {
		return nil, err
	}
	e.model = m
	e.Config.Warnings = append(e.Config.Warnings, m.Warnings()...)
	return e, nil
}

func init() {
	model.Inside(func(e *ImageEncoder) *model.Model { return e.model })
}
