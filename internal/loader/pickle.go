package loader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sdgo/internal/pickle"
)

// maxShards is how many files an index may name, as in package safetensors.
const maxShards = 4096

// openPickle opens a file of PyTorch.
func openPickle(ctx context.Context, fsys fs.FS, name string) (stored, error) {
	f, err := pickle.Open(ctx, fsys, name)
	if err != nil {
		return nil, err // not a nil *pickle.File, which would be no nil stored
	}
	return f, nil
}

// pickles are the files of an index, with the tensors that it names.
type pickles struct {
	files []*pickle.File
	of    map[string]*pickle.File
	names []string
}

// openPickles opens the files of PyTorch that an index names, which must lie beside it.
// Each must have the tensors that the index says; it may have others.
func openPickles(ctx context.Context, fsys fs.FS, name string) (_ stored, err error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := ReadJSON(ctx, fsys, name, &index); err != nil {
		return nil, err
	}
	tensors := make(map[string]map[string]bool) // of each file
	for tensor, file := range index.WeightMap {
		if tensors[file] == nil {
			tensors[file] = make(map[string]bool)
		}
		tensors[file][tensor] = true
	}
	if len(tensors) == 0 || len(tensors) > maxShards {
		return nil, fmt.Errorf("%s: weight_map: have %d files, want 1 to %d", name, len(tensors), maxShards)
	}
	p := &pickles{of: make(map[string]*pickle.File)}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, file := range slices.Sorted(maps.Keys(tensors)) {
		if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\\:\x00") {
			return nil, fmt.Errorf("%s: weight_map: file %.200q: want the plain name of a file beside the index", name, file)
		}
		f, err := pickle.Open(ctx, fsys, path.Join(path.Dir(name), file))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.files = append(p.files, f)
		if err := p.add(f, tensors[file]); err != nil {
			return nil, fmt.Errorf("%s: %.200s: %w", name, file, err)
		}
	}
	return p, nil
}

// add adds those tensors of a file that the index names.
func (p *pickles) add(f *pickle.File, wanted map[string]bool) error {
	for _, name := range f.Names() {
		if wanted[name] {
			p.names = append(p.names, name)
			p.of[name] = f
			delete(wanted, name)
		}
	}
	if len(wanted) > 0 {
		return fmt.Errorf("have no tensor %.200q, which the index says is there", slices.Min(slices.Collect(maps.Keys(wanted))))
	}
	return nil
}

func (p *pickles) Names() []string { return slices.Clone(p.names) }

func (p *pickles) Tensor(name string) (shape []int, dtype string, ok bool) {
	f := p.of[name]
	if f == nil {
		return nil, "", false
	}
	return f.Tensor(name)
}

func (p *pickles) Float32s(name string, from int, dst []float32) error {
	f := p.of[name]
	if f == nil {
		return fmt.Errorf("no tensor %.200q", name)
	}
	return f.Float32s(name, from, dst)
}

func (p *pickles) Release(name string) {
	if f := p.of[name]; f != nil {
		f.Release(name)
	}
}

func (p *pickles) Changed() error {
	for _, f := range p.files {
		if err := f.Changed(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pickles) Close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
