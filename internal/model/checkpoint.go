package model

import (
	"fmt"
	"slices"
	"sync"

	"sdgo/internal/weights"
	"sdgo/safetensors/checkpoint"
)

// Checkpoint returns the model as a checkpoint: the configuration and the parameters that
// it was made with, of the shapes and types that they were stored with. The numbers are
// those that it computes with, or, of a model that a session holds back, those of its
// source. Tensors of the source that the model does not have are left out. Closing the
// checkpoint leaves the model open.
func (m *Model) Checkpoint() checkpoint.Source {
	c := &current{m: m, params: make(map[string]*weights.Param)}
	for _, p := range m.params.All() {
		c.params[p.Key] = p
	}
	return c
}

// current is a model as it is now. Goroutines that read numbers of a loaded one wait for
// each other.
type current struct {
	m      *Model
	params map[string]*weights.Param

	mu   sync.Mutex
	key  string // of the parameter whose numbers are at hand
	data []float32
}

// Config implements [checkpoint.Source].
func (c *current) Config() []byte { return slices.Clone(c.m.config) }

// Names implements [checkpoint.Source].
func (c *current) Names() []string {
	var names []string
	for _, p := range c.m.params.All() {
		names = append(names, p.Key)
	}
	return names
}

// Tensor implements [checkpoint.Source].
func (c *current) Tensor(name string) (shape []int, dtype string, ok bool) {
	p := c.params[name]
	if p == nil {
		return nil, "", false
	}
	return slices.Clone(p.Shape), p.DType, true
}

// Float32s implements [checkpoint.Source].
func (c *current) Float32s(name string, from int, dst []float32) error {
	p := c.params[name]
	if p == nil {
		return fmt.Errorf("%s: no tensor %.200q", c.m.name, name)
	}
	if c.m.weights == nil {
		return c.m.src.Float32s(name, from, dst)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key != name {
		leave, err := c.m.calls.Enter("")
		if err != nil {
			return fmt.Errorf("%s: %w", c.m.name, err)
		}
		defer leave()
		dense, err := p.Value.Dense()
		if err != nil {
			return fmt.Errorf("%s: %s: %w", c.m.name, name, err)
		}
		c.key, c.data = name, dense.Float32s()
	}
	if from < 0 || from > len(c.data) || len(dst) > len(c.data)-from {
		return fmt.Errorf("%s: %.200q: have %d numbers, want %d from %d on", c.m.name, name, len(c.data), len(dst), from)
	}
	copy(dst, c.data[from:])
	return nil
}

// Release implements [checkpoint.Source].
func (c *current) Release(name string) {
	if c.m.weights == nil {
		c.m.src.Release(name)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == name {
		c.key, c.data = "", nil
	}
}

// Changed implements [checkpoint.Source].
func (c *current) Changed() error {
	if c.m.weights == nil {
		return c.m.src.Changed()
	}
	return nil
}

// Warnings implements [checkpoint.Source].
func (c *current) Warnings() []string { return nil }

// Close implements [checkpoint.Source].
func (c *current) Close() error { return nil }
