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
// Or, with scale_shift (Dhariwal and Nichol 2021, section 3.1), after norm2 as one factor
// and one bias per channel.
//
// https://arxiv.org/abs/2006.11239
// https://arxiv.org/abs/2105.05233
type resBlock struct {
	path         string
	norm1, norm2 *nn.GroupNorm
	conv1, conv2 *nn.Conv2D
	proj         *nn.Linear
	modulates    bool       // scale_shift
	shortcut     *nn.Conv2D // nil if in == out
	scale        float64    // the output is divided by it
}

func newResBlock(p *nn.Params, c *Config, in, out int) *resBlock {
	b := &resBlock{
		path:      p.Path(),
		norm1:     p.GroupNorm("norm1", in, c.NormNumGroups, c.NormEps),
		conv1:     p.Conv3x3("conv1", in, out),
		modulates: c.ResnetTimeScaleShift == scaleShift,
		norm2:     p.GroupNorm("norm2", out, c.NormNumGroups, c.NormEps),
		conv2:     p.Conv3x3("conv2", out, out),
		scale:     1,
	}
	width := out
	if b.modulates {
		width = 2 * out
	}
	b.proj = p.Precise().Linear("time_emb_proj", c.tembDim(), width)
	if in != out {
		b.shortcut = p.Conv1x1("conv_shortcut", in, out)
	}
	return b
}

// forward maps x [N H W in] and temb [N temb], which has been through SiLU, to
// [N H W out].
func (b *resBlock) forward(g *nn.Graph, x, temb *G.Node) *G.Node {
	return b.resized(g, x, temb, nil)
}

// resized is forward with another size inside, of x and what norm1 makes of it.
func (b *resBlock) resized(g *nn.Graph, x, temb *G.Node, resize func(*G.Node) *G.Node) *G.Node {
	h := g.SiLU(b.norm1.Forward(g, x))
	if resize != nil {
		x, h = resize(x), resize(h)
	}
	h, time := b.conv1.Forward(g, h), b.proj.Forward(g, temb)
	if b.modulates {
		h = g.Modulate(b.norm2.Forward(g, h), time)
	} else {
		h = b.norm2.Forward(g, g.AddPerChannel(h, time))
	}
	h = b.conv2.Forward(g, g.SiLU(h))
	if b.shortcut != nil {
		x = b.shortcut.Forward(g, x)
	}
	return g.Mark(b.path, divided(g, g.Add(x, h), b.scale))
}
