package op

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// grad makes the operations of a derivative. It keeps the first error, and after it
// every method returns nil.
type grad struct{ err error }

func (g *grad) do(build func() (*G.Node, error)) *G.Node {
	if g.err != nil {
		return nil
	}
	var n *G.Node
	n, g.err = build()
	return n
}

func (g *grad) Reshape(x *G.Node, shape ...int) *G.Node {
	return g.do(func() (*G.Node, error) { return Reshape(x, shape...) })
}

func (g *grad) Permute(x *G.Node, axes ...int) *G.Node {
	return g.do(func() (*G.Node, error) { return Permute(x, axes...) })
}

func (g *grad) Reverse(x *G.Node, n int) *G.Node {
	return g.do(func() (*G.Node, error) { return Reverse(x, n) })
}

func (g *grad) Unpack(w *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return Unpack(w) })
}

func (g *grad) Linear(x, w *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return Linear(x, w, nil) })
}

func (g *grad) Conv2D(x, w *G.Node, pad Padding) *G.Node {
	return g.do(func() (*G.Node, error) { return Conv2D(x, w, nil, 1, pad) })
}

func (g *grad) Dilate(x *G.Node, stride int) *G.Node {
	if stride == 1 {
		return x
	}
	return g.do(func() (*G.Node, error) { return Dilate(x, stride) })
}

func (g *grad) Patches(x *G.Node, s kernel.ConvShape) *G.Node {
	return g.do(func() (*G.Node, error) { return patchesOf(x, s) })
}

func (g *grad) Fold(x *G.Node, s kernel.ConvShape) *G.Node {
	return g.do(func() (*G.Node, error) { return foldOf(x, s) })
}

func (g *grad) Slice(x *G.Node, axis, first, n int) *G.Node {
	return g.do(func() (*G.Node, error) { return Slice(x, axis, first, n) })
}

func (g *grad) Pad(x *G.Node, axis, first, size int) *G.Node {
	return g.do(func() (*G.Node, error) { return Pad(x, axis, first, size) })
}

func (g *grad) Multiply(a, b *G.Node) *G.Node {
	return g.do(func() (*G.Node, error) { return Multiply(a, b) })
}

// SumRows adds up the rows of x [... C]: [C].
func (g *grad) SumRows(x *G.Node) *G.Node {
	if g.err != nil {
		return nil
	}
	s := x.Shape()
	c := s[len(s)-1]
	sum := g.Reshape(x, 1, s.TotalSize()/c, c)
	return g.Reshape(g.do(func() (*G.Node, error) { return SumPixels(sum) }), c)
}
