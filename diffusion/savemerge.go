package diffusion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"sdgo/internal/adapter"
	"sdgo/internal/export"
	"sdgo/safetensors/checkpoint"
)

// MergedAdapter is an adapter whose changes are made to the weights that are written.
type MergedAdapter struct {
	// Path is that of a file, in safetensors or of PyTorch, or of a folder as diffusers
	// and PEFT write it: LoRA, LoHa, LoKr, OFT, IA³, DoRA, norms or whole changes, for the
	// U-Net and the text encoders.
	Path string

	// Weight is how much of it is wanted. Zero means 1.
	Weight float64
}

// merge makes the changes of adapters to the weights of a model when they are read. What
// it returns closes the adapters.
func (o *SaveOptions) merge(ctx context.Context, m *export.Model) (closeAll func(), err error) {
	var uses []adapter.Use
	closeAll = func() {
		for _, use := range uses {
			use.File.Close()
		}
	}
	for _, a := range o.Merge {
		if a.Weight == 0 {
			a.Weight = 1
		}
		if a.Weight-a.Weight != 0 || math.Abs(a.Weight) > math.MaxFloat32 {
			return closeAll, badOption("Merge", "have a weight of %v for %s, want a finite number", a.Weight, a.Path)
		}
		file, err := adapter.Open(ctx, os.DirFS(filepath.Dir(a.Path)), filepath.Base(a.Path))
		if err != nil {
			return closeAll, fmt.Errorf("%s: %w", a.Path, err)
		}
		uses = append(uses, adapter.Use{File: file, Weight: a.Weight})
	}
	if len(uses) == 0 {
		return closeAll, nil
	}
	merged, warnings, err := adapter.Merge(ctx, m.Parts, uses...)
	if err != nil {
		return closeAll, err
	}
	for part, src := range merged {
		m.Parts[part] = sameTypes{src, m.Parts[part]}
	}
	o.warn(warnings)
	return closeAll, nil
}

// warn tells the caller.
func (o *SaveOptions) warn(warnings []string) {
	if o.OnWarning == nil {
		return
	}
	for _, w := range warnings {
		o.OnWarning(w)
	}
}

// sameTypes is a checkpoint whose tensors have the types of another's.
type sameTypes struct {
	checkpoint.Source
	types checkpoint.Source
}

func (s sameTypes) Tensor(name string) (shape []int, dtype string, ok bool) {
	shape, dtype, ok = s.Source.Tensor(name)
	if _, was, has := s.types.Tensor(name); has {
		dtype = was
	}
	return shape, dtype, ok
}

// Unwrap returns the checkpoint.
func (s sameTypes) Unwrap() checkpoint.Source { return s.Source }

// overlay has a caller change the parts of a model. What it returns closes them.
func (o *SaveOptions) overlay(m *export.Model, parts []string) (closeAll func() error, err error) {
	var opened []checkpoint.Source
	closeAll = func() (err error) {
		for _, src := range opened {
			err = errors.Join(err, src.Close())
		}
		return err
	}
	if o.Overlay == nil {
		return closeAll, nil
	}
	for _, part := range parts {
		src, err := overlayPart(part, m.Parts[part], o.Overlay)
		if err != nil {
			return closeAll, err
		}
		opened = append(opened, src)
		m.Parts[part] = src
	}
	return closeAll, nil
}
