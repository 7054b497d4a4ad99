package nn

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// AveragePool halves x [N H W C] to [N ⌈H/2⌉ ⌈W/2⌉ C] by means of two by two pixels.
func (g *Graph) AveragePool(x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.AveragePool(x) })
}

// MeanPixels gives each pixel of x [N H W C] the mean of all of its sample.
func (g *Graph) MeanPixels(x *G.Node) *G.Node {
	s := g.Shape(x)
	sum := g.try(func() (*G.Node, error) { return op.SumPixels(x) })
	mean := g.try(func() (*G.Node, error) { return op.Affine(sum, 1/float32(s[1]*s[2]), 0) })
	return g.try(func() (*G.Node, error) { return op.RepeatPixels(mean, s...) })
}

// FlipChannels puts the channels of x [N H W C] into the opposite order.
func (g *Graph) FlipChannels(x *G.Node) *G.Node {
	c := g.Shape(x)[3]
	return g.try(func() (*G.Node, error) { return op.Reverse(x, c) })
}

// Unshuffle turns an image as callers have it, [N C H W], into [N H/f W/f C·f²]: the
// pixels of each square are channels of one, as in torch's PixelUnshuffle.
func (g *Graph) Unshuffle(x *G.Node, f int) *G.Node {
	s := g.Shape(x)
	if g.err != nil {
		return nil
	}
	n, c, h, w := s[0], s[1], s[2]/f, s[3]/f
	x = g.Reshape(x, n, c, h, f, w, f)
	x = g.try(func() (*G.Node, error) { return op.Permute(x, 0, 2, 4, 1, 3, 5) })
	return g.Reshape(x, n, h, w, c*f*f)
}
