// Package loader opens the checkpoints of one component of a model, one kind of files in
// one file: folder.go has the folder in diffusers' layout, with weights as safetensors or
// as pickles of PyTorch, in one file or in shards, and configuration as JSON.
package loader

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sdgo/internal/config"
	"sdgo/internal/regular"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// Kind is a kind of component: its name in errors, the name of its weight files, and the
// classes of which a config.json must be of one; without any it may be of any.
type Kind struct {
	Name, Base string
	Classes    []string
}

// Of is the kind with components of some of its classes alone.
func (k Kind) Of(classes ...string) Kind {
	k.Classes = classes
	return k
}

// The kinds of components.
var (
	TextEncoder  = Kind{Name: "clip", Base: transformers}
	ImageEncoder = Kind{Name: "clip", Base: transformers}
	UNet         = Kind{Name: "unet", Base: diffusers, Classes: []string{"UNet2DConditionModel", "UNet2DModel"}}
	VAE          = Kind{Name: "vae", Base: diffusers, Classes: []string{"AutoencoderKL", "AutoencoderTiny", "VQModel"}}
)

// The bases of the names of weight files: those of models of transformers, and of
// diffusers.
const (
	transformers = "model"
	diffusers    = "diffusion_pytorch_model"
)

// Open opens the checkpoint of a component in the folder dir of fsys: config.json, and
// the weights of a variant, see [openWeights]. Errors begin with the kind's name.
func Open(ctx context.Context, kind Kind, fsys fs.FS, dir, variant string) (checkpoint.Source, error) {
	if fsys == nil {
		return nil, fmt.Errorf("%s: have no file system to load from", kind.Name)
	}
	text, err := readConfig(ctx, kind, fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind.Name, err)
	}
	if _, ok := fsys.(Random); ok {
		return newRandomWeights(text), nil
	}
	f, err := openWeights(ctx, fsys, dir, kind.Base, variant)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind.Name, err)
	}
	f.config = text
	return f, nil
}

// readConfig reads the config.json of a folder.
func readConfig(ctx context.Context, kind Kind, fsys fs.FS, dir string) ([]byte, error) {
	var keys map[string]json.RawMessage
	file := path.Join(dir, "config.json")
	if err := ReadJSON(ctx, fsys, file, &keys); err != nil {
		if _, found := regular.Mode(fsys, path.Join(dir, "model_index.json")); found == nil && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("have the folder of a pipeline, want that of one model in it: %w", err)
		}
		return nil, err
	}
	if kind.Classes != nil {
		if _, err := config.Choose(keys, kind.Classes...); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return text, nil
}

// Folder is the checkpoint of one component in diffusers' layout. The files stay open,
// and mapped if they come from the operating system, until Close. Any number of
// goroutines may read; Close must come after the last of them.
type Folder struct {
	config  []byte
	path    string // of the file or index, for error messages
	file    stored
	warning string
}

// stored are tensors in files: a [checkpoint.Source] but for its configuration and
// warnings.
type stored interface {
	Names() []string
	Tensor(name string) (shape []int, dtype string, ok bool)
	Float32s(name string, from int, dst []float32) error
	Release(name string)
	Changed() error
	Close() error
}

// openWeights opens the weights of a component in the folder dir of fsys. Base is
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
// taken, if there is just one. Where there is no such file, pickles of PyTorch are taken
// by the same rules:
//
//	diffusion_pytorch_model.bin  diffusion_pytorch_model.bin.index.json  … (U-Net, VAE)
//	pytorch_model.bin            pytorch_model.bin.index.json            … (text encoder)
//
// The error for missing weights lists the weight files that are there, and says so if
// they are of other formats alone.
func openWeights(ctx context.Context, fsys fs.FS, dir, base, variant string) (*Folder, error) {
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
		w := &Folder{path: path.Join(dir, name)}
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
func openFile(ctx context.Context, fsys fs.FS, name string) (stored, error) {
	index := strings.HasSuffix(name, ".json")
	if pickled(name) {
		if index {
			return openPickles(ctx, fsys, name)
		}
		return openPickle(ctx, fsys, name)
	}
	open := safetensors.OpenFSContext
	if index {
		open = safetensors.OpenIndexFSContext
	}
	file, err := open(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	return safetensorsFile{file}, nil
}

// Path returns the file or index that the weights came from, within the file
// system they were opened from.
func (f *Folder) Path() string { return f.path }

// Config implements [checkpoint.Source].
func (f *Folder) Config() []byte { return slices.Clone(f.config) }

// Warnings say what was passed over to come to the weights.
func (f *Folder) Warnings() []string {
	if f.warning == "" {
		return nil
	}
	return []string{f.warning}
}

// Names returns the names of all tensors in the order of the files, which is
// the fastest one to read them in.
func (f *Folder) Names() []string { return f.file.Names() }

// Tensor implements [checkpoint.Source].
func (f *Folder) Tensor(name string) (shape []int, dtype string, ok bool) {
	return f.file.Tensor(name)
}

// Float32s converts a part of a tensor to float32: as many elements as dst has room
// for, from number from on. Types that cannot be converted are errors; see
// [safetensors.Tensor.Float32sInto]. A part of the file that is no longer there is a
// [*safetensors.FaultError].
func (f *Folder) Float32s(name string, from int, dst []float32) error {
	if err := f.file.Float32s(name, from, dst); err != nil {
		return fmt.Errorf("loader: %s: %w", f.path, err)
	}
	return nil
}

// Stored implements [checkpoint.Storer], for files of GGUF.
func (f *Folder) Stored(name string, from int64, dst []byte) error {
	file, ok := f.file.(interface {
		Stored(name string, from int64, dst []byte) error
	})
	if !ok {
		return fmt.Errorf("loader: %s: %.200q: have no tensor as it is stored", f.path, name)
	}
	if err := file.Stored(name, from, dst); err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	return nil
}

// Changed returns an error if a file is no longer what it was when it was opened, so
// that what was read may be a mixture of two.
func (f *Folder) Changed() error {
	if err := f.file.Changed(); err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	return nil
}

// Release gives the memory of a mapped tensor back to the operating system
// after it was copied or packed. It stays readable. A name that is not there
// does nothing.
func (f *Folder) Release(name string) { f.file.Release(name) }

// Close closes the files. Slices that came from a tensor without a copy are
// invalid then.
func (f *Folder) Close() error {
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("loader: %s: %w", f.path, err)
	}
	return nil
}
