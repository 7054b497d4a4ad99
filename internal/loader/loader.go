// Package loader finds and opens the files of one component of a model in
// diffusers layout: weights as safetensors, in one file or in shards, and
// configuration as JSON.
package loader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sdgo/safetensors"
)

// Weights are the tensors of one component, under their names in the
// checkpoint. The files stay open, and mapped if they come from the operating
// system, until Close. Any number of goroutines may read; Close must come after
// the last of them.
type Weights struct {
	path    string // of the file or index, for error messages
	file    *safetensors.File
	warning string
}

// transformers is the base of the models of transformers; others are diffusers'.
const transformers = "model"

// Open opens the weights of a component in the folder dir of fsys. Base is
// "diffusion_pytorch_model" (U-Net, VAE) or "model" (text encoder). Variant is
// empty for the plain files, or names others, such as "fp16" or "bf16": only
// those are taken then.
//
//	base.safetensors          base.safetensors.index.json
//	base.variant.safetensors  base.safetensors.index.variant.json
//	                          base.variant.safetensors.index.json
//	                          base.safetensors.variant.index.json
//
// Where there are both, an index goes before a single file, which an earlier save may
// have left behind, unless shards of it are missing; for "model" the single file goes
// first. With an empty variant and no plain files, the only variant in the folder is
// taken, if there is just one. The error for missing weights lists the weight
// files that are there; only safetensors are read, and it says so when there
// are none of them.
func Open(ctx context.Context, fsys fs.FS, dir, base, variant string) (*Weights, error) {
	found, err := list(fsys, dir, base)
	if err != nil {
		return nil, err
	}
	names, err := found.choose(variant)
	if err != nil {
		return nil, fmt.Errorf("loader: %s: %w", dir, err)
	}
	var missing error // of the first index
	for _, name := range names {
		w := &Weights{path: path.Join(dir, name)}
		if w.file, err = openFile(ctx, fsys, w.path); err == nil {
			if missing != nil {
				w.warning = fmt.Sprintf("%s: files that it names are missing, %s was taken instead", names[0], name)
			}
			return w, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("loader: %w", err)
		}
		missing = cmp.Or(missing, err)
	}
	return nil, fmt.Errorf("loader: %w", missing)
}

// openFile opens a file or index.
func openFile(ctx context.Context, fsys fs.FS, name string) (*safetensors.File, error) {
	if strings.HasSuffix(name, ".json") {
		return safetensors.OpenIndexFSContext(ctx, fsys, name)
	}
	return safetensors.OpenFSContext(ctx, fsys, name)
}

// Path returns the file or index that the weights came from, within the file
// system they were opened from.
func (w *Weights) Path() string { return w.path }

// Warning says what was passed over to come to the weights, or is "".
func (w *Weights) Warning() string { return w.warning }

// Names returns the names of all tensors in the order of the files, which is
// the fastest one to read them in.
func (w *Weights) Names() []string { return w.file.Names() }

// Tensor returns a tensor as it is stored, and whether there is one.
func (w *Weights) Tensor(name string) (safetensors.Tensor, bool) { return w.file.Tensor(name) }

// Shape returns the shape of a tensor, and whether there is one.
func (w *Weights) Shape(name string) ([]int, bool) {
	t, ok := w.file.Tensor(name)
	return t.Shape, ok
}

// DType returns the element type of a tensor, and whether there is one.
func (w *Weights) DType(name string) (safetensors.DType, bool) {
	t, ok := w.file.Tensor(name)
	return t.DType, ok
}

// Float32s converts a part of a tensor to float32: as many elements as dst has room
// for, from number from on. Types that cannot be converted are errors; see
// [safetensors.Tensor.Float32sInto]. A part of the file that is no longer there is a
// [*safetensors.FaultError].
func (w *Weights) Float32s(name string, from int, dst []float32) error {
	t, ok := w.file.Tensor(name)
	if !ok {
		return fmt.Errorf("loader: %s: no tensor %.200q", w.path, name)
	}
	part, err := t.Slice(from, len(dst))
	if err == nil {
		err = part.Float32sInto(dst)
	}
	if err != nil {
		return fmt.Errorf("loader: %s: %w", w.path, err)
	}
	return nil
}

// Changed returns an error if a file is no longer what it was when it was opened, so
// that what was read may be a mixture of two.
func (w *Weights) Changed() error {
	if err := w.file.Changed(); err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	return nil
}

// Release gives the memory of a mapped tensor back to the operating system
// after it was copied or packed. It stays readable. A name that is not there
// does nothing.
func (w *Weights) Release(name string) {
	if t, ok := w.file.Tensor(name); ok {
		t.Release()
	}
}

// Close closes the files. Slices that came from a tensor without a copy are
// invalid then.
func (w *Weights) Close() error {
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("loader: %s: %w", w.path, err)
	}
	return nil
}
