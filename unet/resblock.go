package unet

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// resBlock is the residual block of Ho et al. (2020), appendix B. The timestep
// enters as one bias per channel.
//
//	x ─┬─ norm1 ─ SiLU ─ conv1 ─ + ─ norm2 ─ SiLU ─ conv2 ─ + ─ out
//	   │     temb ─ SiLU ─ proj ─┘                          │
//	   └─────────── shortcut (1×1, if in ≠ out) ────────────┘
//
// https://arxiv.org/abs/2006.11239
type resBlock struct {
	path         string
	norm1, norm2 *nn.GroupNorm
	conv1, conv2 *nn.Conv2D
	proj         *nn.Linear
	shortcut     *nn.Conv2D // nil if in == out
}

func newResBlock(p *nn.Params, c *Config, in, out int) *resBlock {
	b := &resBlock{
		path:  p.Path(),
		norm1: p.GroupNorm("norm1", in, c.NormNumGroups, c.NormEps),
		conv1: p.Conv3x3("conv1", in, out),
		proj:  p.Precise().Linear("time_emb_proj", c.tembDim(), out),
		norm2: p.GroupNorm("norm2", out, c.NormNumGroups, c.NormEps),
		conv2: p.Conv3x3("conv2", out, out),
	}
	if in != out {
		b.shortcut = p.Conv1x1("conv_shortcut", in, out)
	}
	return b
}

// forward maps x [N H W in] and temb [N temb], which has been through SiLU, to
// [N H W out].
func (b *resBlock) forward(g *nn.Graph, x, temb *G.Node) *G.Node {
	h := b.conv1.Forward(g, g.SiLU(b.norm1.Forward(g, x)))
	h = g.AddPerChannel(h, b.proj.Forward(g, temb))
	h = b.conv2.Forward(g, g.SiLU(b.norm2.Forward(g, h)))
	if b.shortcut != nil {
		x = b.shortcut.Forward(g, x)
	}
	return g.Mark(b.path, g.Add(x, h))
}
