package unet

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// pixelAttention is the attention of Ho et al. (2020), appendix B, with several heads:
// every pixel attends to all pixels. It is that of a UNet2DModel.
//
//	x ─┬─ norm ─ q, k, v ─ attention ─ out ─ + ─ ÷ scale ─
//	   └─────────────────────────────────────┘
//
// https://arxiv.org/abs/2006.11239
type pixelAttention struct {
	path         string
	norm         *nn.GroupNorm // nil if there is none
	heads        *nn.Attention
	q, k, v, out *nn.Linear
	scale        float64
}

// newPixelAttention returns the attention of so many channels, normalised in groups, or
// not at all if these are 0.
func newPixelAttention(p *nn.Params, c *Config, channels, groups int, scale float64) *pixelAttention {
	names := []string{"to_q", "to_k", "to_v", "to_out.0"}
	if !p.Has("to_q.weight") && p.Has("query.weight") { // as published before 2023
		names = []string{"query", "key", "value", "proj_attn"}
	}
	a := &pixelAttention{
		path:  p.Path(),
		heads: p.Attention(c.Unconditional.heads(channels), false),
		q:     p.Linear(names[0], channels, channels),
		k:     p.Linear(names[1], channels, channels),
		v:     p.Linear(names[2], channels, channels),
		out:   p.Linear(names[3], channels, channels),
		scale: scale,
	}
	if groups > 0 {
		a.norm = p.GroupNorm("group_norm", channels, groups, c.NormEps)
	}
	return a
}

// forward maps x [N H W C] to [N H W C].
func (a *pixelAttention) forward(g *nn.Graph, x *G.Node) *G.Node {
	s := g.Shape(x)
	x = g.Reshape(x, s[0], s[1]*s[2], s[3]) // pixels are tokens
	h := x
	if a.norm != nil {
		h = a.norm.Forward(g, h)
	}
	h = a.out.Forward(g, a.heads.Forward(g, a.q.Forward(g, h), a.k.Forward(g, h), a.v.Forward(g, h)))
	return g.Mark(a.path, g.Reshape(divided(g, g.Add(x, h), a.scale), s...))
}

// divided is x ÷ scale.
func divided(g *nn.Graph, x *G.Node, scale float64) *G.Node {
	if scale == 1 {
		return x
	}
	return g.Affine(x, float32(1/scale), 0)
}
