package adapter

import (
	"fmt"
	"slices"
)

// newLoRA is a low-rank adaptation (Hu et al. 2022): Δ = up·down, of which down is as wide
// as the filter; or up·mid·down, where mid has the filter's pixels.
//
// https://arxiv.org/abs/2106.09685
func newLoRA(m *module, t *Target) (*Change, error) {
	all, err := m.readAll(down, up)
	if err != nil {
		return nil, err
	}
	c := &Change{Target: *t, Kind: "LoRA", Down: all[0], Up: all[1]}
	rank, width := c.Rank(), t.width()
	if m.has(mid) {
		if c.Mid, err = m.read(mid); err != nil {
			return nil, err
		}
		want := append([]int{rank, rank}, t.Weight[2:]...)
		if len(t.Weight) != 4 || !slices.Equal(c.Mid.Shape, want) {
			return nil, fmt.Errorf("lora_mid: have shape %v, want %v", c.Mid.Shape, want)
		}
		width = t.Weight[1]
	}
	if c.Down.width() != width || c.Up.rows() != t.Weight[0] || c.Up.width() != rank {
		return nil, fmt.Errorf("have a LoRA of %v and %v for a weight %v", c.Up.Shape, c.Down.Shape, t.Weight)
	}
	if c.Scale, err = m.scaling(t, rank); err != nil {
		return nil, err
	}
	if err := c.readBias(m, upBias); err != nil {
		return nil, err
	}
	for i := range c.Bias { // it belongs to up
		c.Bias[i] *= float32(c.Scale)
	}
	if err := c.readBias(m, diffBias); err != nil {
		return nil, err
	}
	return c.decompose(m)
}

// readBias reads what the bias changes by, if the file has that.
func (c *Change) readBias(m *module, r role) error {
	if !m.has(r) {
		return nil
	}
	b, err := m.read(r)
	if err != nil {
		return err
	}
	if c.Target.Bias == "" || len(b.Data) != c.Weight[0] {
		return fmt.Errorf("%s: have shape %v for a module with a weight %v and bias %q", r, b.Shape, c.Weight, c.Target.Bias)
	}
	if c.Bias == nil {
		c.Bias = make([]float32, len(b.Data))
	}
	add(c.Bias, b.Data, 1)
	return nil
}

// decompose reads the magnitude of DoRA, if there is one: for each output [out …], or in
// files of LyCORIS for each input [1 in …].
func (c *Change) decompose(m *module) (*Change, error) {
	r := magnitudeVector
	if m.has(doraScale) {
		r = doraScale
	}
	if !m.has(r) {
		return c.check()
	}
	if len(c.Weight) < 2 {
		return nil, fmt.Errorf("%s: have one for a weight %v", r, c.Weight)
	}
	d, err := m.read(r)
	if err != nil {
		return nil, err
	}
	out, in := c.Weight[0], c.Weight[1]
	switch n := len(d.Data); {
	case n == out && (r == magnitudeVector || len(d.Shape) < 2 || d.Shape[0] == out):
	case n == in && len(d.Shape) > 1 && d.Shape[0] == 1:
		c.OnInput = true
	default:
		return nil, fmt.Errorf("%s: have shape %v for a weight %v", r, d.Shape, c.Weight)
	}
	c.Magnitude = d.Data
	c.Kind += " with DoRA"
	return c.check()
}

// newWhole is a change of every number.
func newWhole(m *module, t *Target) (*Change, error) {
	d, err := m.read(diff)
	if err != nil {
		return nil, err
	}
	c := &Change{Target: *t, Kind: "whole change", Scale: 1}
	if len(t.Weight) == 1 {
		c.Vector = d.Data
		if len(d.Data) != t.Weight[0] {
			return nil, fmt.Errorf("have a change of shape %v, want %v", d.Shape, t.Weight)
		}
	} else {
		c.Whole = d
	}
	if err := c.readBias(m, diffBias); err != nil {
		return nil, err
	}
	return c.decompose(m)
}

// newNorm changes the weight and the bias of a norm.
func newNorm(m *module, t *Target) (*Change, error) {
	c := &Change{Target: *t, Kind: "norm"}
	if len(t.Weight) != 1 {
		return nil, fmt.Errorf("have a norm for a weight %v", t.Weight)
	}
	if m.has(normDiff) {
		w, err := m.read(normDiff)
		if err != nil {
			return nil, err
		}
		if c.Vector = w.Data; len(w.Data) != t.Weight[0] {
			return nil, fmt.Errorf("w_norm: have shape %v, want %v", w.Shape, t.Weight)
		}
	}
	if err := c.readBias(m, bNorm); err != nil {
		return nil, err
	}
	return c, nil
}

// newBias changes a bias alone.
func newBias(m *module, t *Target) (*Change, error) {
	c := &Change{Target: *t, Kind: "bias"}
	if err := c.readBias(m, diffBias); err != nil {
		return nil, err
	}
	return c, nil
}

func newGLoRA(*module, *Target) (*Change, error) {
	return nil, fmt.Errorf("have a GLoRA, which is not supported")
}
