package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/weights"
)

// Values are a parameter that graphs read as numbers: no layer's weight.
type Values struct{ param *weights.Param }

// Values returns the parameter called name, in a shape that has the size of its own.
func (p *Params) Values(name string, shape []int, own ...int) *Values {
	return &Values{p.tensor(name, shape, tensor.Shape(own))}
}

// Forward returns the numbers in the shape that was asked for.
func (v *Values) Forward(g *Graph) *G.Node { return g.param(v.param) }
