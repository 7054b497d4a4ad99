package clip

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/nn"
)

// block is one layer of the transformer.
//
//	x ─┬─ norm1 ─ attention ─ + ─┬─ norm2 ─ fc1 ─ GELU ─ fc2 ─ + ─
//	   └──────────────────────┘  └─────────────────────────────┘
type block struct {
	path         string
	norm1, norm2 *nn.LayerNorm
	q, k, v, out *nn.Linear
	fc1, fc2     *nn.Linear
	causal, all  *nn.Attention // over the tokens up to each, and over all
	act          kernel.Activation
}

func newBlock(p *nn.Params, c *Config) *block {
	d := c.HiddenSize
	return &block{
		path:   p.Path(),
		norm1:  p.LayerNorm("layer_norm1", d, c.LayerNormEps),
		q:      p.Linear("self_attn.q_proj", d, d),
		k:      p.Linear("self_attn.k_proj", d, d),
		v:      p.Linear("self_attn.v_proj", d, d),
		out:    p.Linear("self_attn.out_proj", d, d),
		norm2:  p.LayerNorm("layer_norm2", d, c.LayerNormEps),
		fc1:    p.Linear("mlp.fc1", d, c.IntermediateSize),
		fc2:    p.Linear("mlp.fc2", c.IntermediateSize, d),
		causal: p.Attention(c.NumHeads, true), all: p.Attention(c.NumHeads, false),
		act: activations[c.HiddenAct],
	}
}

// forward maps x [N T D] to [N T D], each token by those up to itself.
func (b *block) forward(g *nn.Graph, x *G.Node) *G.Node { return b.attend(g, x, b.causal) }

// attend maps x [N T D] to [N T D] with an attention.
func (b *block) attend(g *nn.Graph, x *G.Node, heads *nn.Attention) *G.Node {
	h := b.norm1.Forward(g, x)
	h = heads.Forward(g, b.q.Forward(g, h), b.k.Forward(g, h), b.v.Forward(g, h))
	return b.finish(g, x, h)
}

// finish adds to x [N T D] what attention h has given, and what follows.
func (b *block) finish(g *nn.Graph, x, h *G.Node) *G.Node {
	x = g.Add(x, b.out.Forward(g, h))
	h = g.Activate(b.fc1.Forward(g, b.norm2.Forward(g, x)), b.act)
	return g.Mark(b.path, g.Add(x, b.fc2.Forward(g, h)))
}
