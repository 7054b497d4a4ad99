package checkpoint

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// AddLowRank adds a low-rank adaptation (Hu et al. 2022, section 4.1) to the weight
// W [out in …] of a linear layer or convolution: W + scale·up·down, with up [out r …] and
// down [r in …] as matrices of out×r and r×(in…). Scale is mostly α/r, times how much of
// the adaptation is wanted. The sum is in float32, over r from the first to the last.
//
// https://arxiv.org/abs/2106.09685
func (o *Overlay) AddLowRank(name string, up, down *tensor.Dense, scale float64) error {
	c, err := o.changed(name)
	if err != nil {
		return err
	}
	u, err := numbers(name+": up", up)
	if err != nil {
		return err
	}
	d, err := numbers(name+": down", down)
	if err != nil {
		return err
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return fmt.Errorf("checkpoint: %.200q: scale: have %v, want a finite number", name, scale)
	}
	total := tensor.Shape(c.shape).TotalSize()
	bad := fmt.Errorf("checkpoint: %.200q: have up %v and down %v, want [out r] and [r in] of a weight %v", name, []int(up.Shape()), []int(down.Shape()), c.shape)
	if len(c.shape) < 2 || c.shape[0] < 1 || total < 1 || up.Dims() < 2 || down.Dims() < 2 {
		return bad
	}
	out, rank := c.shape[0], down.Shape()[0]
	l := lowRank{up: u, down: d, rank: rank, width: total / out, scale: float32(scale)}
	if rank < 1 || up.Shape()[0] != out || len(u) != out*rank || len(d) != rank*l.width {
		return bad
	}
	return o.Change(name, l.add)
}

// lowRank is a change of a matrix of some width.
type lowRank struct {
	up, down    []float32
	rank, width int
	scale       float32
}

// add adds the change to numbers of the matrix, from number from on.
func (l *lowRank) add(from int, x []float32) error {
	sum := make([]float32, min(l.width, len(x)))
	for len(x) > 0 {
		row, column := from/l.width, from%l.width
		n := min(l.width-column, len(x))
		sum := sum[:n]
		clear(sum)
		for r := range l.rank {
			u := l.up[row*l.rank+r]
			for i, d := range l.down[r*l.width+column:][:n] {
				sum[i] += float32(u * d)
			}
		}
		for i, s := range sum {
			x[i] += float32(l.scale * s)
		}
		from, x = from+n, x[n:]
	}
	return nil
}
