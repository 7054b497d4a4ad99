package nn

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// In and Out are the numbers of channels that the convolution reads and makes.
func (c *Conv2D) In() int  { return c.weight.Shape[1] }
func (c *Conv2D) Out() int { return c.weight.Shape[0] }

// ForwardPart is Forward of some rows of an image, which has zeros above the first and
// below the last one only. To the left and right it may go on with its other side.
func (c *Conv2D) ForwardPart(g *Graph, x *G.Node, first, last bool) *G.Node {
	pad := c.pad
	pad.Wrap.X = g.padding(pad).Wrap.X
	if !first {
		pad.Top = 0
	}
	if !last {
		pad.Bottom = 0
	}
	return c.padded(g, x, pad)
}

// shape is that of an image of so many pixels.
func (n *GroupNorm) shape(pixels int) kernel.NormShape {
	return kernel.NormShape{N: 1, Pixels: pixels, C: n.gamma.Shape[0], Groups: n.groups}
}

// Statistics is the number of statistics of an image of so many pixels.
func (n *GroupNorm) Statistics(pixels int) int { return kernel.GroupNormWork(n.shape(pixels)) }

// Sums returns what gathers the statistics of an image of so many pixels.
func (n *GroupNorm) Sums(pixels int) *kernel.NormSums { return kernel.NewNormSums(n.shape(pixels)) }

// ForwardPart normalises x [1 ... C], a part of an image of so many pixels, by the
// image's statistics.
func (n *GroupNorm) ForwardPart(g *Graph, x, statistics *G.Node, pixels int) *G.Node {
	gamma, beta := g.param(n.gamma), g.param(n.beta)
	return g.Mark(n.path, g.try(func() (*G.Node, error) {
		return op.GroupNormGiven(x, gamma, beta, statistics, pixels, n.groups, n.eps)
	}))
}
