package adapter

import (
	"fmt"
	"math"
)

// newOFT turns blocks of outputs (Qiu et al. 2023, section 4): W' = R·W, where a block of
// R is (I + Q)(I − Q)⁻¹ for a skew-symmetric Q, whose norm α·out may limit. Files hold
// blocks of which Q is what is left beside their transpose.
//
// https://arxiv.org/abs/2306.07280
func newOFT(m *module, t *Target) (*Change, error) {
	blocks, err := m.read(oftBlocks)
	if err != nil {
		return nil, err
	}
	if len(blocks.Shape) != 3 || blocks.Shape[1] != blocks.Shape[2] || blocks.Shape[0]*blocks.Shape[1] != t.Weight[0] {
		return nil, fmt.Errorf("oft_blocks: have shape %v for a weight %v, want [n b b] with n·b of %d", blocks.Shape, t.Weight, t.Weight[0])
	}
	limit := 0.0
	if m.has(alpha) {
		if limit, err = m.number(alpha); err != nil {
			return nil, err
		}
	}
	turns, err := rotations(blocks, limit*float64(t.Weight[0]))
	if err != nil {
		return nil, err
	}
	rescale := make([]float32, t.Weight[0])
	for i := range rescale {
		rescale[i] = 1
	}
	if m.has(oftRescale) {
		r, err := m.read(oftRescale)
		if err != nil {
			return nil, err
		}
		if len(r.Data) != len(rescale) {
			return nil, fmt.Errorf("rescale: have shape %v, want %d numbers", r.Shape, len(rescale))
		}
		rescale = r.Data
	}
	width, size := t.width(), blocks.Shape[1]
	of := func(w []float32) []float32 {
		d := make([]float32, len(w))
		for k, turn := range turns {
			from, to := k*size*width, (k+1)*size*width
			turned := product(turn, w[from:to], size, size, width)
			for i, v := range turned {
				d[from+i] = v*rescale[(from+i)/width] - w[from+i]
			}
		}
		return d
	}
	return &Change{Target: *t, Kind: "OFT", Scale: 1, Of: of}, nil
}

// rotations are the transposed blocks of R: LyCORIS multiplies with those.
func rotations(blocks *Tensor, limit float64) ([][]float32, error) {
	n, b := blocks.Shape[0], blocks.Shape[1]
	q := make([]float64, len(blocks.Data))
	norm := 0.0
	for k := range n {
		at := k * b * b
		for i := range b {
			for j := range b {
				v := float64(blocks.Data[at+i*b+j]) - float64(blocks.Data[at+j*b+i])
				q[at+i*b+j] = v
				norm += v * v
			}
		}
	}
	const tiny = 1e-8 // LyCORIS's
	if norm = math.Sqrt(norm) + tiny; limit > 0 && norm > limit {
		for i := range q {
			q[i] *= limit / norm
		}
	}
	turns := make([][]float32, n)
	for k := range turns {
		r, ok := cayley(q[k*b*b:][:b*b], b)
		if !ok {
			return nil, fmt.Errorf("oft_blocks: block %d: have one that is too large to make a rotation of", k)
		}
		turns[k] = make([]float32, b*b)
		for i := range b {
			for j := range b {
				turns[k][i*b+j] = float32(r[j*b+i])
			}
		}
	}
	return turns, nil
}

// cayley returns (I + Q)(I − Q)⁻¹ for a skew-symmetric Q [b b], for which both factors may
// change places: it solves (I − Q)·X = I + Q by elimination.
func cayley(q []float64, b int) (x []float64, ok bool) {
	a := make([]float64, b*b)
	x = make([]float64, b*b)
	for i := range b {
		for j := range b {
			one := 0.0
			if i == j {
				one = 1
			}
			a[i*b+j], x[i*b+j] = one-q[i*b+j], one+q[i*b+j]
		}
	}
	for c := range b {
		best := c
		for i := c + 1; i < b; i++ {
			if math.Abs(a[i*b+c]) > math.Abs(a[best*b+c]) {
				best = i
			}
		}
		for j := range b {
			a[c*b+j], a[best*b+j] = a[best*b+j], a[c*b+j]
			x[c*b+j], x[best*b+j] = x[best*b+j], x[c*b+j]
		}
		pivot := a[c*b+c]
		for i := range b {
			if i == c {
				continue
			}
			f := a[i*b+c] / pivot
			for j := range b {
				a[i*b+j] -= f * a[c*b+j]
				x[i*b+j] -= f * x[c*b+j]
			}
		}
	}
	for i := range x {
		x[i] /= a[i/b*b+i/b]
		if math.IsNaN(x[i]) || math.IsInf(x[i], 0) {
			return nil, false
		}
	}
	return x, true
}

// newIA3 scales outputs, or inputs (Liu et al. 2022, section 3.3): of LyCORIS by 1 + w, of
// PEFT by w.
//
// https://arxiv.org/abs/2205.05638
func newIA3(m *module, t *Target) (*Change, error) {
	c := &Change{Target: *t, Kind: "IA³", Scale: 1}
	r, own := ia3PEFT, 1.0
	var input bool
	if m.has(onInput) {
		r, own = ia3, 0
		on, err := m.number(onInput)
		if err != nil {
			return nil, err
		}
		input = on != 0
	}
	w, err := m.read(r)
	if err != nil {
		return nil, err
	}
	if r == ia3PEFT {
		input = len(w.Shape) > 1 && w.Shape[0] == 1
	}
	want := t.Weight[0]
	if input {
		want = t.Weight[1]
	}
	if len(w.Data) != want {
		return nil, fmt.Errorf("have IA³ of shape %v for a weight %v, want %d numbers", w.Shape, t.Weight, want)
	}
	width, taps := t.width(), t.taps()
	c.Of = func(base []float32) []float32 {
		d := make([]float32, len(base))
		for i, v := range base {
			at := i / width
			if input {
				at = i % width / taps
			}
			d[i] = v * float32(float64(w.Data[at])-own)
		}
		return d
	}
	return c, nil
}
