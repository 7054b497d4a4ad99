package vae

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// encoder maps images to the moments of the latents' distribution, or in a VQModel to the
// latents. Some levels attend to all pixels after each resBlock.
//
//	images ─ conv_in ─ (resBlock × layers ─ halve) × levels ─ mid ─ norm ─ SiLU ─ conv_out ─ quant_conv ─ moments
type encoder struct {
	convIn  *nn.Conv2D
	downs   []*downBlock
	mid     *midBlock
	normOut *nn.GroupNorm
	convOut *nn.Conv2D
	quant   *nn.Conv2D // nil if the model has none
}

// downBlock is one level; all but the last halve the size.
type downBlock struct {
	path        string
	resnets     []*resBlock
	attentions  []*attention // one for each, or none
	downsampler *nn.Conv2D
}

func newEncoder(p *nn.Params, c *Config) *encoder {
	at := p.At("encoder")
	ch := c.BlockOutChannels
	last := ch[len(ch)-1]
	e := &encoder{convIn: at.Conv3x3("conv_in", c.InChannels, ch[0])}
	for i, out := range ch {
		b := &downBlock{path: at.At("down_blocks.%d", i).Path()}
		in := ch[max(i-1, 0)]
		for j := range c.LayersPerBlock {
			b.resnets = append(b.resnets, newResBlock(at.At("down_blocks.%d.resnets.%d", i, j), c, in, out))
			if strings.HasPrefix(c.DownBlockTypes[i], attnPrefix) {
				b.attentions = append(b.attentions, newAttention(at.At("down_blocks.%d.attentions.%d", i, j), c, out))
			}
			in = out
		}
		if i < len(ch)-1 { // pads on the right and at the bottom only
			b.downsampler = at.Conv(fmt.Sprintf("down_blocks.%d.downsamplers.0.conv", i), out, out, 3, 2, op.Padding{Bottom: 1, Right: 1})
		}
		e.downs = append(e.downs, b)
	}
	e.mid = newMidBlock(at.At("mid_block"), c)
	e.normOut = at.GroupNorm("conv_norm_out", last, c.NormNumGroups, normEps)
	e.convOut = at.Conv3x3("conv_out", last, c.encoded())
	if c.UseQuantConv {
		e.quant = p.Precise().Conv1x1("quant_conv", c.encoded(), c.moments())
	}
	return e
}

// forward maps images [N C H W] to moments [N 2C' H/f W/f]: means, then
// logarithms of the variances; or to latents [N C' H/f W/f].
func (e *encoder) forward(g *nn.Graph, images *G.Node) *G.Node {
	x := e.convIn.Forward(g, g.ChannelsLast(images))
	for _, b := range e.downs[:len(e.downs)-1] {
		x = b.residuals(g, x)
		x = g.Mark(b.path, g.Mark(b.path+".downsamplers.0", b.downsampler.Forward(g, x)))
	}
	return e.last(g, x)
}

// last is what has the size of the latents: it maps x [N H W C] to moments [N 2C' H W].
func (e *encoder) last(g *nn.Graph, x *G.Node) *G.Node {
	b := e.downs[len(e.downs)-1]
	x = e.mid.forward(g, g.Mark(b.path, b.residuals(g, x)))
	x = g.Mark("encoder.conv_act", g.SiLU(e.normOut.Forward(g, x)))
	x = g.Mark("encoder", e.convOut.Forward(g, x))
	if e.quant != nil {
		x = e.quant.Forward(g, x)
	}
	return g.ChannelsFirst(x)
}

// residuals maps x [N H W C] to [N H W C'] by the level's residual blocks.
func (b *downBlock) residuals(g *nn.Graph, x *G.Node) *G.Node {
	for j, r := range b.resnets {
		x = r.forward(g, x)
		if b.attentions != nil {
			x = b.attentions[j].forward(g, x)
		}
	}
	return x
}

// stages are all that comes before last, band by band.
func (e *encoder) stages() []stage {
	list := []stage{{in: e.convIn.In(), links: []link{{conv: e.convIn, out: e.convIn.Out()}}}}
	for _, b := range e.downs[:len(e.downs)-1] {
		for _, r := range b.resnets {
			list = append(list, r.stage())
		}
		down := b.downsampler
		list = append(list, stage{in: down.In(), links: []link{{conv: down, resize: halved, out: down.Out()}}})
	}
	return list
}
