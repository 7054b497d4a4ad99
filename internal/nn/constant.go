package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Zeros adds a node of zeros to a graph that has no input for them.
func (g *Graph) Zeros(shape ...int) *G.Node {
	return G.NewTensor(g.expr, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(fmt.Sprint("zeros ", shape)), G.WithValue(Tensor(shape...)))
}
