package nn

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// ScaleFirst multiplies the first n channels of x [... C] by a factor.
func (g *Graph) ScaleFirst(x *G.Node, n int, factor float64) *G.Node {
	return g.try(func() (*G.Node, error) { return op.ScaleFirst(x, n, float32(factor)) })
}

// ScaleLow multiplies the lowest frequencies of x [N H W C] by a factor.
func (g *Graph) ScaleLow(x *G.Node, factor float64) *G.Node {
	return g.try(func() (*G.Node, error) { return op.ScaleLow(x, factor) })
}

// Blur blurs the tokens x [N H·W C] of an image with a Gaussian of deviation sigma.
func (g *Graph) Blur(x *G.Node, h, w int, sigma float64) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Blur(x, h, w, sigma) })
}
