package adapter

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// newLoKr is a Kronecker product (Yeh et al. 2024, section 3.2): Δ = w1 ⊗ w2, of which
// each may be a product of two matrices, and w2 one with a core t2.
//
// https://arxiv.org/abs/2309.14859
func newLoKr(m *module, t *Target) (*Change, error) {
	rank := 0 // of the factors that there are; the second's counts
	w1, err := m.kronFactor(t, lokr1, lokr1a, lokr1b, "", nil, &rank)
	if err != nil {
		return nil, err
	}
	w2, err := m.kronFactor(t, lokr2, lokr2a, lokr2b, lokrT2, t.Weight[2:], &rank)
	if err != nil {
		return nil, err
	}
	p, q := w1.Shape[0], w1.width()
	rows, columns := w2.Shape[0], w2.Shape[1]
	taps := len(w2.Data) / rows / columns
	if p*rows != t.Weight[0] || q*columns != t.Weight[1] || taps != t.taps() {
		return nil, fmt.Errorf("have a LoKr of %v and %v for a weight %v", w1.Shape, w2.Shape, t.Weight)
	}
	d := make([]float32, t.size())
	for i := range d {
		tap, column, row := i%taps, i/taps%t.Weight[1], i/t.width()
		d[i] = w1.Data[row/rows*q+column/columns] * w2.Data[(row%rows*columns+column%columns)*taps+tap]
	}
	scale := 1.0
	if rank > 0 {
		if scale, err = m.scaling(t, rank); err != nil {
			return nil, err
		}
	}
	c := &Change{Target: *t, Kind: "LoKr", Scale: scale, Whole: &Tensor{Shape: t.Weight, Data: d}}
	if err := c.readBias(m, diffBias); err != nil {
		return nil, err
	}
	return c.decompose(m)
}

// kronFactor is one of the two: [rows columns filter…], or a product of a [rows r] and b
// [r columns·taps], or with a core [r r filter…] of a [r rows] and b [r columns]. A
// product that is larger than the weight is not made.
func (m *module) kronFactor(t *Target, whole, a, b, core role, filter []int, rank *int) (*Tensor, error) {
	if m.has(whole) {
		all, err := m.readAll(whole)
		if err != nil {
			return nil, err
		}
		return all[0], nil
	}
	all, err := m.readAll(a, b)
	if err != nil {
		return nil, err
	}
	wa, wb := all[0], all[1]
	*rank = wb.rows()
	taps := tensor.Shape(filter).TotalSize()
	if len(filter) == 0 {
		taps = 1
	}
	if core != "" && m.has(core) {
		c, err := m.read(core)
		if err != nil {
			return nil, err
		}
		if len(c.Shape) < 3 || c.Shape[0] != wa.rows() || c.Shape[1] != *rank || len(c.Data) != c.Shape[0]*c.Shape[1]*taps || wa.width() > t.size()/taps/wb.width() {
			return nil, fmt.Errorf("%s: have shape %v beside %v and %v", core, c.Shape, wa.Shape, wb.Shape)
		}
		d := tucker(c, transposed(wa), wb.Data, wa.width(), wb.width())
		return &Tensor{Shape: append([]int{wa.width(), wb.width()}, filter...), Data: d}, nil
	}
	if wa.width() != *rank || wb.width()%taps != 0 || wa.rows() > t.size()/wb.width() {
		return nil, fmt.Errorf("%s and %s: have %v and %v, want [rows r] and [r columns] for a weight %v", a, b, wa.Shape, wb.Shape, t.Weight)
	}
	d := product(wa.Data, wb.Data, wa.rows(), *rank, wb.width())
	return &Tensor{Shape: slices.Concat([]int{wa.rows(), wb.width() / taps}, filter), Data: d}, nil
}
