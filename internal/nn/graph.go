// Package nn holds what the models share: a graph that keeps its first error, a
// checkpoint's parameters, and the layers. Inside the models tensors are
// channels-last: [N H W C] and [N T D].
package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/internal/weights"
)

// Graph adds operations to a gorgonia graph. It keeps the first error, as
// bufio.Writer does: after it every method returns nil at once, and the caller
// asks Err once.
type Graph struct {
	expr  *G.ExprGraph
	err   error
	nodes map[*weights.Param]*G.Node
	marks map[string]*G.Node // nil: not wanted

	wrap    op.Wrap
	adapted *Adapted           // nil: the layers are as the checkpoint has them
	inputs  map[string]*G.Node // of those, by their names
}

// NewGraph returns a Graph that adds to g.
func NewGraph(g *G.ExprGraph) *Graph {
	return &Graph{expr: g, nodes: make(map[*weights.Param]*G.Node)}
}

// Wrap makes images go on with their other side in some directions, for the convolutions
// that are added later and pad both sides there: as padding_mode "circular" of PyTorch's
// Conv2d does. What is padded on one side alone, by zeros before the convolution, stays.
func (g *Graph) Wrap(w op.Wrap) { g.wrap = w }

// padding is that of a convolution in the graph.
func (g *Graph) padding(pad op.Padding) op.Padding {
	pad.Wrap = op.Wrap{X: g.wrap.X && pad.Left > 0, Y: g.wrap.Y && pad.Top > 0}
	return pad
}

// Err returns the first error.
func (g *Graph) Err() error { return g.err }

// try runs one part of building unless an earlier one failed.
func (g *Graph) try(build func() (*G.Node, error)) *G.Node {
	if g.err != nil {
		return nil
	}
	n, err := build()
	if err != nil {
		g.err = err
		return nil
	}
	return n
}

// Input adds an input node without a value.
func (g *Graph) Input(name string, shape ...int) *G.Node {
	return G.NewTensor(g.expr, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
}

// param returns the node of a parameter; graphs share its value.
func (g *Graph) param(p *weights.Param) *G.Node {
	if p == nil || g.err != nil {
		return nil
	}
	if g.adapted != nil {
		if i, ok := g.adapted.In[p.Key]; ok {
			return g.vector(i)
		}
	}
	n, ok := g.nodes[p]
	if !ok {
		n = G.NewTensor(g.expr, tensor.Float32, len(p.Shape), G.WithShape(p.Shape...), G.WithName(p.Name()), G.WithValue(p.Value))
		g.nodes[p] = n
	}
	return n
}

// Record makes the graph remember the outputs of modules.
func (g *Graph) Record() { g.marks = make(map[string]*G.Node) }

// Marks returns what Mark remembered, by module path.
func (g *Graph) Marks() map[string]*G.Node { return g.marks }

// Mark remembers n as the output of the module at path, and returns it.
func (g *Graph) Mark(path string, n *G.Node) *G.Node {
	if g.marks != nil && g.err == nil {
		g.marks[path] = n
	}
	return n
}

// Shape returns the shape of n, or zeros after an error.
func (g *Graph) Shape(n *G.Node) tensor.Shape {
	if g.err != nil {
		return make(tensor.Shape, 4)
	}
	return n.Shape()
}

// SiLU returns x·sigmoid(x).
func (g *Graph) SiLU(x *G.Node) *G.Node { return g.Activate(x, kernel.SiLU) }

// Activate applies act to every element.
func (g *Graph) Activate(x *G.Node, act kernel.Activation) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Activate(x, act) })
}

// Affine returns scale·x + shift.
func (g *Graph) Affine(x *G.Node, scale, shift float32) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Affine(x, scale, shift) })
}

// SoftClamp returns limit·tanh(x/limit).
func (g *Graph) SoftClamp(x *G.Node, limit float32) *G.Node {
	return g.try(func() (*G.Node, error) { return op.SoftClamp(x, limit) })
}

// GEGLU maps [... 2D] to [... D]: the first half times the GELU of the second.
func (g *Graph) GEGLU(x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.GEGLU(x) })
}

// Add returns a + b.
func (g *Graph) Add(a, b *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Add(a, b) })
}

// AddPerChannel adds bias [N C] to every pixel of x [N ... C].
func (g *Graph) AddPerChannel(x, bias *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.AddPerChannel(x, bias) })
}

// Modulate returns x·(1 + scale) + shift for x [N ... C], where by [N 2C] holds both.
func (g *Graph) Modulate(x, by *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Modulate(x, by) })
}

// Halve maps x [N H W C] to [N H/2 W/2 C], the mean of two by two pixels.
func (g *Graph) Halve(x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Halve(x) })
}

// Concat joins a [... A] and b [... B] to [... A+B].
func (g *Graph) Concat(a, b *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Concat(a, b) })
}

// Upsample enlarges x [N H W C] to [N h w C] by nearest neighbour.
func (g *Graph) Upsample(x *G.Node, h, w int) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Upsample(x, h, w) })
}

// Reshape returns x under another shape.
func (g *Graph) Reshape(x *G.Node, shape ...int) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Reshape(x, shape...) })
}

// ChannelsLast maps an image as callers have it, [N C H W], to [N H W C].
func (g *Graph) ChannelsLast(x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.ChannelsLast(x) })
}

// ChannelsFirst maps [N H W C] to [N C H W], as callers want it.
func (g *Graph) ChannelsFirst(x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.ChannelsFirst(x) })
}

// Timesteps maps times [N] to their sinusoidal embeddings [N dim].
func (g *Graph) Timesteps(t *G.Node, dim int, flip bool, shift float64) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Timesteps(t, dim, flip, shift) })
}

// Gather picks from x [N T D] the token at rows [N] of each sample.
func (g *Graph) Gather(x, rows *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Gather(x, rows) })
}
