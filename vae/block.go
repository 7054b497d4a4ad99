package vae

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// normEps is the epsilon of every normalisation; it is not in the config.
const normEps = 1e-6

// resBlock is the residual block of Esser et al. (2021), without a timestep.
//
//	x ─┬─ norm1 ─ SiLU ─ conv1 ─ norm2 ─ SiLU ─ conv2 ─ + ─ out
//	   └────────── shortcut (1×1, if in ≠ out) ─────────┘
//
// https://arxiv.org/abs/2012.09841
type resBlock struct {
	path         string
	norm1, norm2 *nn.GroupNorm
	conv1, conv2 *nn.Conv2D
	shortcut     *nn.Conv2D // nil if in == out
}

func newResBlock(p *nn.Params, c *Config, in, out int) *resBlock {
	b := &resBlock{
		path:  p.Path(),
		norm1: p.GroupNorm("norm1", in, c.NormNumGroups, normEps),
		conv1: p.Conv3x3("conv1", in, out),
		norm2: p.GroupNorm("norm2", out, c.NormNumGroups, normEps),
		conv2: p.Conv3x3("conv2", out, out),
	}
	if in != out {
		b.shortcut = p.Conv1x1("conv_shortcut", in, out)
	}
	return b
}

// forward maps x [N H W in] to [N H W out].
func (b *resBlock) forward(g *nn.Graph, x *G.Node) *G.Node {
	h := b.conv1.Forward(g, g.SiLU(b.norm1.Forward(g, x)))
	h = b.conv2.Forward(g, g.SiLU(b.norm2.Forward(g, h)))
	if b.shortcut != nil {
		x = b.shortcut.Forward(g, x)
	}
	return g.Mark(b.path, g.Add(x, h))
}

// stage is the block behind a link or none.
func (b *resBlock) stage(before ...link) stage {
	links := append(before,
		link{norm: b.norm1, conv: b.conv1, out: b.conv1.Out()},
		link{norm: b.norm2, conv: b.conv2, out: b.conv2.Out()})
	return stage{in: b.conv1.In(), links: links, block: b}
}

// attention lets every pixel attend to all pixels, with a single head.
//
//	x ─┬─ norm ─ q, k, v ─ attention ─ out ─ + ─
//	   └─────────────────────────────────────┘
type attention struct {
	path         string
	norm         *nn.GroupNorm
	heads        *nn.Attention
	q, k, v, out *nn.Linear
}

func newAttention(p *nn.Params, c *Config, channels int) *attention {
	names := []string{"to_q", "to_k", "to_v", "to_out.0"}
	if !p.Has("to_q.weight") && p.Has("query.weight") { // as published before 2023
		names = []string{"query", "key", "value", "proj_attn"}
	}
	return &attention{
		path:  p.Path(),
		norm:  p.GroupNorm("group_norm", channels, c.NormNumGroups, normEps),
		heads: p.Attention(1, false),
		q:     p.Linear(names[0], channels, channels),
		k:     p.Linear(names[1], channels, channels),
		v:     p.Linear(names[2], channels, channels),
		out:   p.Linear(names[3], channels, channels),
	}
}

// forward maps x [N H W C] to [N H W C].
func (a *attention) forward(g *nn.Graph, x *G.Node) *G.Node {
	s := g.Shape(x)
	x = g.Reshape(x, s[0], s[1]*s[2], s[3]) // pixels are tokens
	h := a.norm.Forward(g, x)
	h = a.out.Forward(g, a.heads.Forward(g, a.q.Forward(g, h), a.k.Forward(g, h), a.v.Forward(g, h)))
	return g.Mark(a.path, g.Reshape(g.Add(x, h), s...))
}

// midBlock is the lowest level: resBlock, attention, resBlock.
type midBlock struct {
	path             string
	resnet0, resnet1 *resBlock
	attention        *attention // nil if the model has none
}

func newMidBlock(p *nn.Params, c *Config) *midBlock {
	ch := c.BlockOutChannels[len(c.BlockOutChannels)-1]
	b := &midBlock{path: p.Path(), resnet0: newResBlock(p.At("resnets.0"), c, ch, ch)}
	if c.MidAttention {
		b.attention = newAttention(p.At("attentions.0"), c, ch)
	}
	b.resnet1 = newResBlock(p.At("resnets.1"), c, ch, ch)
	return b
}

// forward maps x [N H W C] to [N H W C].
func (b *midBlock) forward(g *nn.Graph, x *G.Node) *G.Node {
	x = b.resnet0.forward(g, x)
	if b.attention != nil {
		x = b.attention.forward(g, x)
	}
	return g.Mark(b.path, b.resnet1.forward(g, x))
}
