package model

import (
	"fmt"
	"sync"

	"sdgo/internal/loader"
	"sdgo/internal/mapped"
	"sdgo/safetensors/checkpoint"
)

// guard is a checkpoint of a caller's, whose panics are errors.
type guard struct {
	src checkpoint.Source

	mu    sync.Mutex
	first error // the first panic
}

// guarded returns src itself if it is one of ours, or else with a guard.
func guarded(src checkpoint.Source) checkpoint.Source {
	switch src.(type) {
	case *loader.Folder, *loader.RandomWeights:
		return src
	}
	return &guard{src: src}
}

// panicked returns the first panic, or nil.
func (g *guard) panicked() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first
}

// recover turns a panic of the caller's code into an error, for err if that is not nil. It
// names the caller's type, which may be wrapped.
func (g *guard) recover(err *error) {
	r := recover()
	if r == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	src := g.src
	if w, ok := src.(interface{ Unwrap() checkpoint.Source }); ok {
		src = w.Unwrap()
	}
	found := fmt.Errorf("the checkpoint, a %T, panicked: %v", src, r)
	if g.first == nil {
		g.first = found
	}
	if err != nil {
		*err = found
	}
}

func (g *guard) Config() []byte {
	defer g.recover(nil)
	return g.src.Config()
}

func (g *guard) Names() []string {
	defer g.recover(nil)
	return g.src.Names()
}

func (g *guard) Tensor(name string) (shape []int, dtype string, ok bool) {
	defer g.recover(nil)
	return g.src.Tensor(name)
}

func (g *guard) Float32s(name string, from int, dst []float32) (err error) {
	defer g.recover(&err)
	return g.src.Float32s(name, from, dst)
}

func (g *guard) Stored(name string, from int64, dst []byte) (err error) {
	defer g.recover(&err)
	return checkpoint.Stored(g.src, name, from, dst)
}

func (g *guard) Release(name string) {
	defer g.recover(nil)
	g.src.Release(name)
}

func (g *guard) Changed() (err error) {
	defer g.recover(&err)
	return g.src.Changed()
}

func (g *guard) Warnings() []string {
	defer g.recover(nil)
	return g.src.Warnings()
}

func (g *guard) Close() (err error) {
	defer g.recover(&err)
	return g.src.Close()
}

// Identity implements [mapped.Identified].
func (g *guard) Identity() (id mapped.Identity, ok bool) {
	defer g.recover(nil)
	return mapped.IdentityOf(g.src)
}
