package adapter

import "fmt"

// newLoHa is a product of two low-rank matrices, number by number (Hyeon-Woo et al. 2022,
// proposition 1): Δ = (w1_a·w1_b) ∘ (w2_a·w2_b), or with cores t1 and t2 as tucker makes
// each.
//
// https://arxiv.org/abs/2108.06098
func newLoHa(m *module, t *Target) (*Change, error) {
	first, rank, err := m.factor(t, hada1a, hada1b, hadaT1)
	if err != nil {
		return nil, err
	}
	second, _, err := m.factor(t, hada2a, hada2b, hadaT2)
	if err != nil {
		return nil, err
	}
	for i, v := range second {
		first[i] *= v
	}
	scale, err := m.scaling(t, rank)
	if err != nil {
		return nil, err
	}
	c := &Change{Target: *t, Kind: "LoHa", Scale: scale, Whole: &Tensor{Shape: t.Weight, Data: first}}
	if err := c.readBias(m, diffBias); err != nil {
		return nil, err
	}
	return c.decompose(m)
}

// factor is one of the two.
func (m *module) factor(t *Target, a, b, core role) (d []float32, rank int, err error) {
	all, err := m.readAll(a, b)
	if err != nil {
		return nil, 0, err
	}
	wa, wb, out, in := all[0], all[1], t.Weight[0], t.Weight[1]
	rank = wb.rows()
	if !m.has(core) {
		if wa.rows() != out || wa.width() != rank || wb.width() != t.width() {
			return nil, 0, fmt.Errorf("have a LoHa of %v and %v for a weight %v", wa.Shape, wb.Shape, t.Weight)
		}
		return product(wa.Data, wb.Data, out, rank, t.width()), rank, nil
	}
	c, err := m.read(core)
	if err != nil {
		return nil, 0, err
	}
	if len(c.Shape) < 3 || c.Shape[0] != wa.rows() || c.Shape[1] != rank || len(c.Data) != c.Shape[0]*c.Shape[1]*t.taps() || wa.width() != out || wb.width() != in {
		return nil, 0, fmt.Errorf("have a LoHa of %v, %v and %v for a weight %v", c.Shape, wa.Shape, wb.Shape, t.Weight)
	}
	return tucker(c, transposed(wa), wb.Data, out, in), rank, nil
}

// transposed returns a matrix with rows for columns.
func transposed(t *Tensor) []float32 {
	rows, columns := t.rows(), t.width()
	d := make([]float32, len(t.Data))
	for i, v := range t.Data {
		d[i%columns*rows+i/columns] = v
	}
	return d
}
