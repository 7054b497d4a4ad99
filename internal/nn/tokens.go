package nn

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// ScaleTokens multiplies each token of x [N T C] by its number in scale [T].
func (g *Graph) ScaleTokens(x, scale *G.Node) *G.Node {
	turned := g.permute(x, 0, 2, 1)
	turned = g.try(func() (*G.Node, error) { return op.ScaleChannels(turned, scale) })
	return g.permute(turned, 0, 2, 1)
}

func (g *Graph) permute(x *G.Node, axes ...int) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Permute(x, axes...) })
}

// JoinTokens puts the tokens of b [N T' D] behind those of a [N T D].
func (g *Graph) JoinTokens(a, b *G.Node) *G.Node {
	if g.err != nil {
		return nil
	}
	as, bs := a.Shape(), b.Shape()
	joined := g.Concat(g.Reshape(a, as[0], as[1]*as[2]), g.Reshape(b, bs[0], bs[1]*bs[2]))
	return g.Reshape(joined, as[0], as[1]+bs[1], as[2])
}

// Slice returns n places of a dimension of x, from first on.
func (g *Graph) Slice(x *G.Node, axis, first, n int) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Slice(x, axis, first, n) })
}
