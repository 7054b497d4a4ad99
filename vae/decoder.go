package vae

import (
	"strings"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// decoder maps latents to images. In a VQModel it quantizes them first, and some levels
// attend to all pixels after each resBlock.
//
//	latents ─ post_quant_conv ─ conv_in ─ mid ─ (resBlock × (layers+1) ─ double) × levels ─ norm ─ SiLU ─ conv_out ─ images
type decoder struct {
	codebook  *nn.Embedding // of which the nearest vectors take the latents' places; nil if the model has none
	postQuant *nn.Conv2D    // nil if the model has none
	convIn    *nn.Conv2D
	mid       *midBlock
	ups       []*upBlock
	normOut   *nn.GroupNorm
	convOut   *nn.Conv2D
}

// upBlock is one level; all but the last double the size.
type upBlock struct {
	path       string
	resnets    []*resBlock
	attentions []*attention // one for each, or none
	upsampler  *nn.Conv2D
}

func newDecoder(p *nn.Params, c *Config) *decoder {
	at := p.At("decoder")
	ch := c.BlockOutChannels
	last := len(ch) - 1
	d := &decoder{convIn: at.Conv3x3("conv_in", c.decoded(), ch[last]), mid: newMidBlock(at.At("mid_block"), c)}
	if c.UsePostQuantConv {
		d.postQuant = p.Precise().Conv1x1("post_quant_conv", c.LatentChannels, c.decoded())
	}
	in := ch[last]
	for i := range ch {
		out := ch[last-i]
		up := at.At("up_blocks.%d", i)
		b := &upBlock{path: up.Path()}
		for j := range c.LayersPerBlock + 1 {
			b.resnets = append(b.resnets, newResBlock(up.At("resnets.%d", j), c, in, out))
			if strings.HasPrefix(c.UpBlockTypes[i], attnPrefix) {
				b.attentions = append(b.attentions, newAttention(up.At("attentions.%d", j), c, out))
			}
			in = out
		}
		if i < last {
			b.upsampler = up.Conv3x3("upsamplers.0.conv", out, out)
		}
		d.ups = append(d.ups, b)
	}
	d.normOut = at.GroupNorm("conv_norm_out", ch[0], c.NormNumGroups, normEps)
	d.convOut = at.Conv3x3("conv_out", ch[0], c.OutChannels)
	return d
}

// forward maps latents [N C H W], before scaling, to images [N C' fH fW].
func (d *decoder) forward(g *nn.Graph, latents *G.Node) *G.Node {
	x := d.first(g, latents)
	for i, b := range d.ups {
		if i > 0 {
			x = b.residuals(g, x)
		}
		if b.upsampler != nil {
			s := g.Shape(x)
			x = b.upsampler.Forward(g, g.Upsample(x, 2*s[1], 2*s[2]))
			g.Mark(b.path+".upsamplers.0", x)
		}
		g.Mark(b.path, x)
	}
	x = g.Mark("decoder.conv_act", g.SiLU(d.normOut.Forward(g, x)))
	return g.ChannelsFirst(g.Mark("decoder", d.convOut.Forward(g, x)))
}

// first is what has the size of the latents: it maps them [N C H W] to [N H W C'].
func (d *decoder) first(g *nn.Graph, latents *G.Node) *G.Node {
	x := g.ChannelsLast(latents)
	if d.codebook != nil {
		x = g.Mark("quantize", d.codebook.Quantize(g, x))
	}
	if d.postQuant != nil {
		x = d.postQuant.Forward(g, x)
	}
	x = d.mid.forward(g, d.convIn.Forward(g, x))
	return d.ups[0].residuals(g, x)
}

// residuals maps x [N H W C] to [N H W C'] by the level's residual blocks.
func (b *upBlock) residuals(g *nn.Graph, x *G.Node) *G.Node {
	for j, r := range b.resnets {
		x = r.forward(g, x)
		if b.attentions != nil {
			x = b.attentions[j].forward(g, x)
		}
	}
	return x
}

// stages are all that follows first, band by band.
func (d *decoder) stages(c *Config) (list []stage) {
	for i, b := range d.ups {
		for j, r := range b.resnets {
			switch {
			case i == 0: // that is in first
			case j == 0:
				up := d.ups[i-1].upsampler
				list = append(list, r.stage(link{conv: up, resize: doubled, out: up.Out()}))
			default:
				list = append(list, r.stage())
			}
		}
	}
	last := link{norm: d.normOut, conv: d.convOut, out: c.OutChannels}
	return append(list, stage{in: d.convOut.In(), links: []link{last}, flat: true})
}
