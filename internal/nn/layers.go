package nn

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/internal/weights"
)

// Linear is x·Wᵀ + b over the last dimension.
type Linear struct {
	path         string
	weight, bias *weights.Param // bias may be nil
}

// Linear returns the linear layer called name.
func (p *Params) Linear(name string, in, out int) *Linear {
	at := p.At("%s", name)
	return &Linear{at.Path(), at.matrix("weight", out, in), at.vector("bias", out)}
}

// LinearNoBias returns the linear layer called name, which has no bias.
func (p *Params) LinearNoBias(name string, in, out int) *Linear {
	at := p.At("%s", name)
	return &Linear{at.Path(), at.matrix("weight", out, in), nil}
}

// Forward maps x [... in] to [... out].
func (l *Linear) Forward(g *Graph, x *G.Node) *G.Node {
	return g.Mark(l.path, g.layer(l.weight, l.bias, x, op.Linear, op.Linear))
}

// Conv2D is a convolution with a square filter.
type Conv2D struct {
	path         string
	weight, bias *weights.Param
	k, stride    int
	pad          op.Padding
	factors      op.Factors
}

// roundedChannels is the fewest channels of a convolution whose factors are rounded. The
// first and the last one of a model have fewer: they take little time, and a prediction is
// more exact if they are not.
const roundedChannels = 16

// Conv returns the convolution called name, of k×k pixels.
func (p *Params) Conv(name string, in, out, k, stride int, pad op.Padding) *Conv2D {
	c := p.ConvNoBias(name, in, out, k, stride, pad)
	c.bias = p.At("%s", name).vector("bias", out)
	return c
}

// ConvNoBias returns the convolution called name, of k×k pixels, which has no bias.
func (p *Params) ConvNoBias(name string, in, out, k, stride int, pad op.Padding) *Conv2D {
	at := p.At("%s", name)
	factors := p.factors()
	if min(in, out) < roundedChannels {
		factors = op.Exact
	}
	return &Conv2D{at.Path(), at.filter("weight", out, in, k), nil, k, stride, pad, factors}
}

// Conv3x3 returns the 3×3 convolution called name, which keeps the size.
func (p *Params) Conv3x3(name string, in, out int) *Conv2D {
	return p.Conv(name, in, out, 3, 1, op.Same(1))
}

// Conv1x1 returns the 1×1 convolution called name.
func (p *Params) Conv1x1(name string, in, out int) *Conv2D {
	return p.Conv(name, in, out, 1, 1, op.Padding{})
}

// Size returns the height and width of the output for an image of h×w.
func (c *Conv2D) Size(h, w int) (int, int) {
	return (h+c.pad.Top+c.pad.Bottom-c.k)/c.stride + 1, (w+c.pad.Left+c.pad.Right-c.k)/c.stride + 1
}

// Forward maps x [N H W in] to [N H' W' out].
func (c *Conv2D) Forward(g *Graph, x *G.Node) *G.Node { return c.padded(g, x, g.padding(c.pad)) }

// padded is the convolution with a padding.
func (c *Conv2D) padded(g *Graph, x *G.Node, pad op.Padding) *G.Node {
	return g.Mark(c.path, g.layer(c.weight, c.bias, x, convolution(c.stride, pad, c.factors), convolution(1, op.Padding{}, op.Exact)))
}

// convolution is the product of a convolution.
func convolution(stride int, pad op.Padding, factors op.Factors) product {
	return func(x, w, b *G.Node) (*G.Node, error) { return op.Conv2DWith(x, w, b, stride, pad, factors) }
}

// GroupNorm is group normalisation.
type GroupNorm struct {
	path        string
	gamma, beta *weights.Param
	groups      int
	eps         float64
}

// GroupNorm returns the group normalisation called name.
func (p *Params) GroupNorm(name string, channels, groups int, eps float64) *GroupNorm {
	at := p.At("%s", name)
	return &GroupNorm{at.Path(), at.vector("weight", channels), at.vector("bias", channels), groups, eps}
}

// Forward normalises x [N ... C].
func (n *GroupNorm) Forward(g *Graph, x *G.Node) *G.Node {
	gamma, beta := g.param(n.gamma), g.param(n.beta)
	return g.Mark(n.path, g.try(func() (*G.Node, error) { return op.GroupNorm(x, gamma, beta, n.groups, n.eps) }))
}

// LayerNorm is layer normalisation over the last dimension.
type LayerNorm struct {
	path        string
	gamma, beta *weights.Param
	eps         float64
}

// LayerNorm returns the layer normalisation called name.
func (p *Params) LayerNorm(name string, d int, eps float64) *LayerNorm {
	at := p.At("%s", name)
	return &LayerNorm{at.Path(), at.vector("weight", d), at.vector("bias", d), eps}
}

// Forward normalises x [... D].
func (n *LayerNorm) Forward(g *Graph, x *G.Node) *G.Node {
	gamma, beta := g.param(n.gamma), g.param(n.beta)
	return g.Mark(n.path, g.try(func() (*G.Node, error) { return op.LayerNorm(x, gamma, beta, n.eps) }))
}

// Attention is scaled dot-product attention with several heads. It has no weights.
type Attention struct {
	heads           int
	causal, rounded bool
}

// Attention returns the attention of a module, which computes as precisely as its
// linear layers. With causal set a token attends to those up to itself alone.
func (p *Params) Attention(heads int, causal bool) *Attention {
	return &Attention{heads: heads, causal: causal, rounded: min(p.format, p.limit) >= kernel.BFloat16}
}

// Forward maps queries, keys and values [N T D] to [N Tq D].
func (a *Attention) Forward(g *Graph, q, k, v *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Attention(q, k, v, a.heads, a.causal, a.rounded) })
}

// ForwardMasked is Forward that sees of each sample the keys alone whose number in mask
// [N T] is not zero. With nil it sees all.
func (a *Attention) ForwardMasked(g *Graph, q, k, v, mask *G.Node) *G.Node {
	if mask == nil {
		return a.Forward(g, q, k, v)
	}
	return g.try(func() (*G.Node, error) { return op.MaskedAttention(q, k, v, mask, a.heads, a.rounded) })
}

// Embedding is a table of vectors.
type Embedding struct{ table *weights.Param }

// Embedding returns the table called name.
func (p *Params) Embedding(name string, rows, d int) *Embedding {
	return &Embedding{p.At("%s", name).Table("weight", rows, d)}
}

// Forward maps ids [N T] to [N T D], plus a vector for each position if
// positions is not nil.
func (e *Embedding) Forward(g *Graph, ids *G.Node, positions *Embedding) *G.Node {
	table := g.param(e.table)
	var pos *G.Node
	if positions != nil {
		pos = g.param(positions.table)
	}
	return g.try(func() (*G.Node, error) { return op.Embed(ids, table, pos) })
}

// Quantize maps x [... D] to the nearest vectors of the table, whose derivative is x's.
func (e *Embedding) Quantize(g *Graph, x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.Quantize(x, g.param(e.table)) })
}

// Nearest maps x [... D] to the numbers [...] of the nearest vectors of the table.
func (e *Embedding) Nearest(g *Graph, x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return op.NearestIndex(x, g.param(e.table)) })
}
