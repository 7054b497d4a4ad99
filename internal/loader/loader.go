// Package loader finds and opens the files of one component of a model in
// diffusers layout: weights as safetensors, in one file or in shards, and
// configuration as JSON.
package loader

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sdgo/internal/quote"
	"sdgo/safetensors"
)

// Weights are the tensors of one component, under their names in the
// checkpoint. The files stay open, and mapped if they come from the operating
// system, until Close. Any number of goroutines may read; Close must come after
// the last of them.
type Weights struct {
	path string // of the file or index, for error messages
	file *safetensors.File
}

// Open opens the weights of a component in the folder dir of fsys. Base is
// "diffusion_pytorch_model" (U-Net, VAE) or "model" (text encoder). Variant is
// empty for the plain files, or names others, such as "fp16" or "bf16": only
// those are taken then. A single file goes before an index of shards:
//
//	base.safetensors          base.safetensors.index.json
//	base.variant.safetensors  base.safetensors.index.variant.json
//	                          base.variant.safetensors.index.json
//
// With an empty variant and no plain files, the only variant in the folder is
// taken, if there is just one. The error for missing weights lists the weight
// files that are there; only safetensors are read, and it says so when there
// are none of them.
func Open(ctx context.Context, fsys fs.FS, dir, base, variant string) (*Weights, error) {
	found, err := list(fsys, dir, base)
	if err != nil {
		return nil, err
	}
	name, err := found.choose(base, variant)
	if err != nil {
		return nil, fmt.Errorf("loader: %s: %w", dir, err)
	}
	w := &Weights{path: path.Join(dir, name)}
	if strings.HasSuffix(name, ".json") {
		w.file, err = safetensors.OpenIndexFSContext(ctx, fsys, w.path)
	} else {
		w.file, err = safetensors.OpenFSContext(ctx, fsys, w.path)
	}
	if err != nil {
		return nil, fmt.Errorf("loader: %w", err)
	}
	return w, nil
}

// listing is what a component's folder holds of weights.
type listing struct {
	files map[string]string // variant to file or index
	other []string          // weight files of other formats
}

// list looks through a component's folder.
func list(fsys fs.FS, dir, base string) (*listing, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("loader: %w", err)
	}
	l := &listing{files: make(map[string]string)}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			continue
		}
		if variant, ok := variantOf(name, base); ok {
			if have, ok := l.files[variant]; !ok || strings.HasSuffix(have, ".json") {
				l.files[variant] = name
			}
			continue
		}
		switch path.Ext(name) {
		case ".bin", ".ckpt", ".pt", ".pth", ".onnx", ".msgpack", ".h5", ".gguf":
			l.other = append(l.other, name)
		}
	}
	return l, nil
}

// variantOf takes the name of a weight file or index apart. Of the numbered
// shards it knows nothing: only an index leads to them.
func variantOf(name, base string) (variant string, ok bool) {
	rest, ok := strings.CutPrefix(name, base+".")
	if !ok || strings.Contains(rest, "-of-") {
		return "", false
	}
	if v, ok := strings.CutPrefix(rest, "safetensors.index."); ok {
		if v == "json" {
			return "", true
		}
		return strings.CutSuffix(v, ".json")
	}
	rest = strings.TrimSuffix(rest, ".index.json")
	if rest == "safetensors" {
		return "", true
	}
	return strings.CutSuffix(rest, ".safetensors")
}

// choose picks the file or index of a variant.
func (l *listing) choose(base, variant string) (string, error) {
	if name, ok := l.files[variant]; ok {
		return name, nil
	}
	var names []string
	for _, name := range l.files {
		names = append(names, name)
	}
	slices.Sort(names)
	want := base + ".safetensors"
	if variant != "" {
		want = base + "." + variant + ".safetensors"
	}
	switch {
	case variant == "" && len(names) == 1:
		return names[0], nil
	case len(names) > 0:
		return "", fmt.Errorf("no %s, have %s", want, quote.Lines(names, ", "))
	case len(l.other) > 0:
		return "", fmt.Errorf("no %s, have %s: only safetensors files are read", want, quote.Lines(l.other, ", "))
	}
	return "", fmt.Errorf("no %s and no index of its shards: %w", want, fs.ErrNotExist)
}

// Path returns the file or index that the weights came from, within the file
// system they were opened from.
func (w *Weights) Path() string { return w.path }

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
