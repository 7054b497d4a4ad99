package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/op"
	"sdgo/internal/weights"
)

// Gate multiplies by the tanh of one learned number.
type Gate struct{ alpha *weights.Param }

// Gate returns the gate called name, whose number the checkpoint may have as a scalar.
func (p *Params) Gate(name string) *Gate {
	return &Gate{p.tensor(name, tensor.Shape{1}, tensor.Shape{})}
}

// Forward maps x [N T C] to [N T C].
func (t *Gate) Forward(g *Graph, x *G.Node) *G.Node {
	alpha := g.param(t.alpha)
	return g.try(func() (*G.Node, error) {
		gain, err := op.SoftClamp(alpha, 1)
		if err != nil {
			return nil, err
		}
		shape := x.Shape().Clone()
		flat, err := op.Reshape(x, shape.TotalSize(), 1)
		if err != nil {
			return nil, err
		}
		if flat, err = op.ScaleChannels(flat, gain); err != nil {
			return nil, err
		}
		return op.Reshape(flat, shape...)
	})
}

// Column returns the layer that multiplies a number by a learned vector [n] called name.
func (p *Params) Column(name string, n int) *Linear {
	w := p.tensor(name, tensor.Shape{n, 1}, tensor.Shape{n})
	p.packed(w, n, 1, 1)
	return &Linear{p.path(name), w, nil}
}
