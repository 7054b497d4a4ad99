package checkpoint

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"gorgonia.org/tensor"
)

// Memory is a checkpoint of tensors in memory. It is safe for concurrent use while
// nobody writes to the tensors.
type Memory struct {
	config  []byte
	tensors map[string]*tensor.Dense
}

// New returns a checkpoint of the configuration, a JSON object, and of float32 tensors by
// their names, which it does not copy. It is an error if one is not contiguous in
// row-major order.
func New(config []byte, tensors map[string]*tensor.Dense) (*Memory, error) {
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		if _, err := numbers(name, tensors[name]); err != nil {
			return nil, err
		}
	}
	return &Memory{slices.Clone(config), maps.Clone(tensors)}, nil
}

// numbers returns the numbers of a float32 tensor in row-major order.
func numbers(name string, t *tensor.Dense) ([]float32, error) {
	switch {
	case t == nil:
		return nil, fmt.Errorf("checkpoint: %.200q: have no tensor, want one", name)
	case t.Dtype() != tensor.Float32:
		return nil, fmt.Errorf("checkpoint: %.200q: have a tensor of %v, want float32", name, t.Dtype())
	case !t.DataOrder().IsContiguous() || t.DataOrder().IsColMajor() || t.RequiresIterator():
		return nil, fmt.Errorf("checkpoint: %.200q: have a tensor that is not contiguous in row-major order", name)
	}
	x, ok := t.Data().([]float32)
	if !ok || len(x) != t.Shape().TotalSize() {
		return nil, fmt.Errorf("checkpoint: %.200q: have a tensor without numbers, want %v", name, []int(t.Shape()))
	}
	return x, nil
}

// errNone is the error of a source that no function made.
var errNone = errors.New("checkpoint: have an empty checkpoint, want one from New or NewOverlay")

// Config implements [Source].
func (m *Memory) Config() []byte {
	if m == nil {
		return nil
	}
	return slices.Clone(m.config)
}

// Names implements [Source]. They are sorted.
func (m *Memory) Names() []string {
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.tensors))
}

// Tensor implements [Source].
func (m *Memory) Tensor(name string) (shape []int, dtype string, ok bool) {
	if m == nil || m.tensors[name] == nil {
		return nil, "", false
	}
	return slices.Clone(m.tensors[name].Shape()), float32Type, true
}

// float32Type is the type of the numbers of tensors in memory.
const float32Type = "F32"

// Float32s implements [Source].
func (m *Memory) Float32s(name string, from int, dst []float32) error {
	if m == nil {
		return errNone
	}
	if m.tensors[name] == nil {
		return fmt.Errorf("checkpoint: no tensor %.200q", name)
	}
	x, err := numbers(name, m.tensors[name])
	if err != nil {
		return err
	}
	return part(name, x, from, dst)
}

// part copies as many of the numbers as dst has room for, from number from on.
func part(name string, x []float32, from int, dst []float32) error {
	if from < 0 || from > len(x) || len(dst) > len(x)-from {
		return fmt.Errorf("checkpoint: %.200q: have %d numbers, want %d from %d on", name, len(x), len(dst), from)
	}
	copy(dst, x[from:])
	return nil
}

// Release implements [Source].
func (m *Memory) Release(string) {}

// Changed implements [Source].
func (m *Memory) Changed() error { return nil }

// Warnings implements [Source].
func (m *Memory) Warnings() []string { return nil }

// Close implements [Source].
func (m *Memory) Close() error { return nil }
