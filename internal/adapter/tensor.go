package adapter

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// Tensor is a tensor of an adapter, or one that was computed of some.
type Tensor struct {
	Shape []int
	Data  []float32
	Half  bool // it holds numbers of float16
}

// rows is the first dimension, and width what the others make together.
func (t *Tensor) rows() int  { return t.Shape[0] }
func (t *Tensor) width() int { return len(t.Data) / t.Shape[0] }

// read returns a tensor, whose numbers must be finite.
func (m *module) read(r role) (*Tensor, error) {
	name := m.tensors[r]
	if name == "" {
		return nil, fmt.Errorf("have no %s beside it", r)
	}
	shape, dtype, _ := m.file.tensors.Tensor(name)
	n := tensor.Shape(shape).TotalSize()
	if len(shape) == 0 {
		n = 1
	}
	if n < 1 {
		return nil, fmt.Errorf("%s: have shape %v, want none of its dimensions to be 0", r, shape)
	}
	t := &Tensor{Shape: slices.Clone(shape), Data: make([]float32, n), Half: dtype == "F16"}
	if err := m.file.tensors.Float32s(name, 0, t.Data); err != nil {
		return nil, err
	}
	m.file.tensors.Release(name)
	if i := slices.IndexFunc(t.Data, func(v float32) bool { return v-v != 0 }); i >= 0 {
		return nil, fmt.Errorf("%s: element %d is %v, want finite numbers", r, i, t.Data[i])
	}
	return t, nil
}

// readAll returns tensors of two dimensions and more in the order of their roles.
func (m *module) readAll(roles ...role) ([]*Tensor, error) {
	all := make([]*Tensor, len(roles))
	for i, r := range roles {
		var err error
		if all[i], err = m.read(r); err != nil {
			return nil, err
		}
		if len(all[i].Shape) < 2 {
			return nil, fmt.Errorf("%s: have shape %v, want two dimensions or more", r, all[i].Shape)
		}
	}
	return all, nil
}

// number returns a tensor of one number.
func (m *module) number(r role) (float64, error) {
	t, err := m.read(r)
	if err != nil {
		return 0, err
	}
	if len(t.Data) != 1 {
		return 0, fmt.Errorf("%s: have shape %v, want one number", r, t.Shape)
	}
	return float64(t.Data[0]), nil
}

// scaling is what a product of a rank is multiplied with: α/r, or what the file says in
// its place.
func (m *module) scaling(t *Target, rank int) (float64, error) {
	scale := 1.0
	switch {
	case m.has(scaleOf):
		s, err := m.number(scaleOf)
		if err != nil {
			return 0, err
		}
		scale = s
	case m.has(alpha):
		a, err := m.number(alpha)
		if err != nil {
			return 0, err
		}
		if a != 0 { // zero stands for the rank
			scale = a / float64(rank)
		}
	default:
		scale = m.file.peft.scale(t.Part, t.Module, rank)
	}
	if m.has(scalar) {
		s, err := m.number(scalar)
		if err != nil {
			return 0, err
		}
		scale *= s
	}
	if math.IsNaN(scale) || math.Abs(scale) > math.MaxFloat32 {
		return 0, fmt.Errorf("scale: have %v, want a finite number", scale)
	}
	return scale, nil
}

// product returns a [m k] times b [k n].
func product(a, b []float32, m, k, n int) []float32 {
	turned := make([]float32, n*k)
	for i := range k {
		for j, v := range b[i*n:][:n] {
			turned[j*k+i] = v
		}
	}
	packed := make([]float32, kernel.PackedLen(k, n, kernel.Float32))
	out := make([]float32, m*n)
	kernel.Serial(kernel.Gemm(out, a, m, kernel.PackLinear(packed, turned, n, k, kernel.Float32), kernel.Epilogue{Rows: m}))
	return out
}
