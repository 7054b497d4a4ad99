// Package export writes models: as a folder in diffusers' layout, or as one file in that of
// the original code, in safetensors or GGUF. Tensors are read, rounded and written a piece
// at a time, and what is written is at its place whole or not at all.
package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sdgo/internal/atomicfile"
	"sdgo/internal/ldm"
	"sdgo/safetensors/checkpoint"
)

// Model is what is written.
type Model struct {
	Family ldm.Family
	// Parts are checkpoints by the names of their folders in diffusers' layout.
	Parts map[string]checkpoint.Source
	// Scheduler is a scheduler_config.json, and V says that the model predicts v.
	Scheduler []byte
	V         bool
	// Tokenizers are the files of the tokenizers by the names of their folders.
	Tokenizers map[string]map[string][]byte
	// Own are those of the tokenizers that a reader would not take for a model of this
	// family in one file.
	Own []string
	// ZeroEmpty says that an empty negative prompt is zeros.
	ZeroEmpty bool
	// ScaledImage says that the latents of an image that is edited are scaled, as those of
	// CosXL Edit.
	ScaledImage bool
	// LowRes is the scheduler_config.json of the noise in the images that an upscaler
	// reads, and MostNoise its highest level.
	LowRes    []byte
	MostNoise int
}

// Options say how a model is written. Nil, and the zero value, mean the defaults.
type Options struct {
	// DType is the type of the tensors, see [ParseDType]. Empty keeps their own.
	DType string
	// Replace lets the model take the place of another.
	Replace bool
	// OnProgress, if not nil, is told after each tensor how many bytes of so many are
	// written.
	OnProgress func(done, total int64)

	wrap func(io.Writer) io.Writer // of tests
}

// Write writes the model to a path: a name that ends in .safetensors or .gguf is that of a
// file, any other that of a folder. When ctx is done, or after any other error, nothing is
// left of it, and what was there is untouched.
func Write(ctx context.Context, path string, m *Model, o *Options) error {
	if o == nil {
		o = &Options{}
	}
	layout, err := LayoutOf(path)
	if err != nil {
		return err
	}
	t, err := ParseDType(o.DType, layout)
	if err != nil {
		return err
	}
	if err := o.mayWrite(path, layout); err != nil {
		return err
	}
	c, err := m.Canonical()
	if err != nil {
		return err
	}
	w := &writing{ctx: ctx, dtype: t, options: o}
	switch layout {
	case Folder:
		err = w.folder(path, c)
	case SingleFile:
		err = w.file(path, c, w.safetensors)
	default:
		err = w.file(path, c, w.gguf)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Layout is how a model is laid out in files.
type Layout int

// The layouts.
const (
	Folder     Layout = iota // of diffusers
	SingleFile               // the original code's, in safetensors
	GGUF                     // the same in GGUF
)

// LayoutOf is the layout that the name of a file or folder asks for.
func LayoutOf(path string) (Layout, error) {
	if path == "" {
		return 0, errors.New("have an empty name, want that of a folder, or of a file .safetensors or .gguf")
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".safetensors":
		return SingleFile, nil
	case ".gguf":
		return GGUF, nil
	case ".ckpt", ".pt", ".pth", ".bin", ".pkl", ".zip", ".json", ".onnx":
		return 0, fmt.Errorf("%s: have the ending %s, want a folder, or a file .safetensors or .gguf", path, ext)
	}
	return Folder, nil
}

// index is the file by which a folder is known for a model.
const index = "model_index.json"

// mayWrite wants nothing at the place, or what may be replaced there: a file by a file, and
// the folder of a model by another.
func (o *Options) mayWrite(path string, layout Layout) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case layout != Folder && info.IsDir():
		return fmt.Errorf("%s: have a folder, want the name of a file", path)
	case layout == Folder && !info.IsDir():
		return fmt.Errorf("%s: have a file, want the name of a folder", path)
	}
	if layout == Folder {
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) == 0 {
			return err
		}
		if _, err := os.Stat(filepath.Join(path, index)); err != nil {
			return fmt.Errorf("%s: have a folder that is not a model's (it has no %s), which is not replaced", path, index)
		}
	}
	if !o.Replace {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	return nil
}

// writing is the writing of a model.
type writing struct {
	ctx         context.Context
	dtype       DType
	options     *Options
	done, total int64 // bytes of tensors
}

// file writes a model to one file.
func (w *writing) file(path string, m *Model, write func(io.Writer, *Model) error) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := w.buffered(f, func(to io.Writer) error { return write(to, m) }); err != nil {
		return err
	}
	if err := w.options.mayWrite(path, SingleFile); err != nil { // what has come there meanwhile
		return err
	}
	return f.Commit()
}

// buffered calls write with a buffer before a file.
func (w *writing) buffered(f io.Writer, write func(io.Writer) error) error {
	if w.options.wrap != nil {
		f = w.options.wrap(f)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return w.ctx.Err()
}

// progress counts the bytes of a tensor.
func (w *writing) progress(n int64) {
	w.done += n
	if w.options.OnProgress != nil {
		w.options.OnProgress(w.done, w.total)
	}
}
