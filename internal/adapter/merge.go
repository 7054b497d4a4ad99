package adapter

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"gorgonia.org/tensor"

	"sdgo/safetensors/checkpoint"
)

// Use is a file of an adapter and how much of it is wanted.
type Use struct {
	File   *File
	Weight float64
}

// Merge returns checkpoints of the parts of a model over those given, with adapters merged
// into their weights: each tensor when it is read, as a whole, from its beginning to its
// end. The files may be closed after it. Closing a checkpoint closes the one below.
func Merge(ctx context.Context, parts map[string]checkpoint.Source, uses ...Use) (merged map[string]checkpoint.Source, warnings []string, err error) {
	tensors := make(map[string]Tensors)
	over := make(map[string]*overSource)
	merged = make(map[string]checkpoint.Source)
	for part, src := range parts {
		tensors[part] = src
		over[part] = &overSource{Source: src, of: make(map[string]*changes), read: make(map[string][]float32)}
		merged[part] = over[part]
	}
	targets := NewTargets(tensors)
	for _, use := range uses {
		w, err := use.File.Match(ctx, targets, func(c *Change) error {
			over[c.Part].add(c, use.Weight)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, w...)
	}
	return merged, warnings, nil
}

// changes are those of one module.
type changes struct {
	all []*Change
	s   []float64
}

// overSource is a checkpoint with changes.
type overSource struct {
	checkpoint.Source
	of map[string]*changes // by the keys of weights and biases

	mu   sync.Mutex
	read map[string][]float32 // tensors that are being read
}

func (o *overSource) add(c *Change, s float64) {
	for _, key := range []string{c.Key, c.Target.Bias} {
		if key == "" || key != c.Key && c.Bias == nil {
			continue
		}
		if o.of[key] == nil {
			o.of[key] = &changes{}
		}
		o.of[key].all = append(o.of[key].all, c)
		o.of[key].s = append(o.of[key].s, s)
	}
}

// Tensor implements [checkpoint.Source].
func (o *overSource) Tensor(name string) (shape []int, dtype string, ok bool) {
	shape, dtype, ok = o.Source.Tensor(name)
	if ok && o.of[name] != nil {
		dtype = "F32"
	}
	return shape, dtype, ok
}

// Float32s implements [checkpoint.Source].
func (o *overSource) Float32s(name string, from int, dst []float32) error {
	c := o.of[name]
	if c == nil {
		return o.Source.Float32s(name, from, dst)
	}
	x, err := o.whole(name, c)
	if err != nil {
		return err
	}
	if from < 0 || from > len(x) || len(dst) > len(x)-from {
		return fmt.Errorf("adapter: %.200q: have %d numbers, want %d from %d on", name, len(x), len(dst), from)
	}
	copy(dst, x[from:])
	if from+len(dst) == len(x) {
		o.Release(name)
	}
	return nil
}

// whole returns all numbers of a tensor with its changes.
func (o *overSource) whole(name string, c *changes) ([]float32, error) {
	o.mu.Lock()
	x := o.read[name]
	o.mu.Unlock()
	if x != nil {
		return x, nil
	}
	shape, _, _ := o.Source.Tensor(name)
	x = make([]float32, tensor.Shape(shape).TotalSize())
	if err := o.Source.Float32s(name, 0, x); err != nil {
		return nil, err
	}
	if name == c.all[0].Key {
		Apply(x, nil, c.all, c.s)
	} else {
		Apply(nil, x, bias(c.all), c.s)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read[name] = x
	return x, nil
}

// bias are the changes of the bias alone.
func bias(all []*Change) []*Change {
	out := slices.Clone(all)
	for i, c := range out {
		out[i] = &Change{Target: c.Target, Bias: c.Bias}
	}
	return out
}

// Release implements [checkpoint.Source].
func (o *overSource) Release(name string) {
	o.mu.Lock()
	delete(o.read, name)
	o.mu.Unlock()
	o.Source.Release(name)
}
