package vae

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// The small autoencoder of Ollin Boer Bohan (2023), diffusers' AutoencoderTiny: TAESD. It
// was distilled from an AutoencoderKL, whose latents it reads and writes. There is no
// normalisation and no attention, so what it makes of a place depends on what is near
// alone.
//
//	images ─ ½x+½ ─ conv ─ (block × n ─ halve) × levels ─ conv ─ latents
//	latents ─ 3·tanh(x/3) ─ conv ─ act ─ (block × n ─ enlarge, conv) × levels ─ conv ─ 2x-1 ─ images
//
// https://github.com/madebyollin/taesd

// clampLimit is what the decoder keeps latents within.
const clampLimit = 3

// tinyBlock is a residual block of three convolutions.
//
//	x ─┬─ conv ─ act ─ conv ─ act ─ conv ─ + ─ ReLU ─ out
//	   └───────────────────────────────────┘
type tinyBlock struct {
	path  string
	convs [3]*nn.Conv2D
	act   kernel.Activation
}

func newTinyBlock(p *nn.Params, channels int, act kernel.Activation) *tinyBlock {
	b := &tinyBlock{path: p.Path(), act: act}
	for i := range b.convs {
		b.convs[i] = p.Conv3x3(fmt.Sprintf("conv.%d", 2*i), channels, channels)
	}
	return b
}

// forward maps x [N H W C] to [N H W C].
func (b *tinyBlock) forward(g *nn.Graph, x *G.Node) *G.Node {
	h := g.Activate(b.convs[0].Forward(g, x), b.act)
	h = g.Activate(b.convs[1].Forward(g, h), b.act)
	h = b.convs[2].Forward(g, h)
	return g.Mark(b.path, g.Activate(g.Add(x, h), kernel.ReLU))
}

// tinyLayers hands out the layers of a sequence, which are called by their numbers.
type tinyLayers struct {
	*nn.Params
	next int
}

// name is that of the next layer.
func (l *tinyLayers) name() string {
	l.next++
	return fmt.Sprint(l.next - 1)
}

// blocks returns the next layers as blocks.
func (l *tinyLayers) blocks(n, channels int, act kernel.Activation) (list []*tinyBlock) {
	for range n {
		list = append(list, newTinyBlock(l.At("%s", l.name()), channels, act))
	}
	return list
}

// tinyLevel is one size of an image: a convolution, which of the encoder's but the first
// halves the size, before the blocks, or of the decoder's one after them.
type tinyLevel struct {
	conv   *nn.Conv2D
	blocks []*tinyBlock
}

// tinyEncoder maps images to latents.
type tinyEncoder struct {
	levels  []tinyLevel
	convOut *nn.Conv2D
}

func newTinyEncoder(p *nn.Params, c *TinyConfig) *tinyEncoder {
	at := &tinyLayers{Params: p.At("encoder.layers")}
	width, act := c.EncoderBlockOutChannels[0], tinyActivations[c.ActFn]
	e := &tinyEncoder{}
	for i, n := range c.NumEncoderBlocks {
		var level tinyLevel
		if i == 0 {
			level.conv = at.Conv3x3(at.name(), c.InChannels, width)
		} else {
			level.conv = at.ConvNoBias(at.name(), width, width, 3, 2, op.Same(1))
		}
		level.blocks = at.blocks(n, width, act)
		e.levels = append(e.levels, level)
	}
	e.convOut = at.Conv3x3(at.name(), width, c.LatentChannels)
	return e
}

// forward maps images [N C H W] in [-1, 1] to latents [N C' H/f W/f].
func (e *tinyEncoder) forward(g *nn.Graph, images *G.Node) *G.Node {
	x := g.Affine(g.ChannelsLast(images), 0.5, 0.5)
	for _, l := range e.levels {
		x = l.conv.Forward(g, x)
		for _, b := range l.blocks {
			x = b.forward(g, x)
		}
	}
	return g.ChannelsFirst(g.Mark("encoder", e.convOut.Forward(g, x)))
}

// tinyDecoder maps latents to images.
type tinyDecoder struct {
	convIn *nn.Conv2D
	act    kernel.Activation
	levels []tinyLevel
	factor int // of each level but the last
}

func newTinyDecoder(p *nn.Params, c *TinyConfig) *tinyDecoder {
	at := &tinyLayers{Params: p.At("decoder.layers")}
	width, act := c.DecoderBlockOutChannels[0], tinyActivations[c.ActFn]
	d := &tinyDecoder{convIn: at.Conv3x3(at.name(), c.LatentChannels, width), act: act, factor: c.UpsamplingScalingFactor}
	at.next++ // the activation
	for i, n := range c.NumDecoderBlocks {
		level := tinyLevel{blocks: at.blocks(n, width, act)}
		if i == len(c.NumDecoderBlocks)-1 {
			level.conv = at.Conv3x3(at.name(), width, c.OutChannels)
		} else {
			at.next++ // what enlarges
			level.conv = at.ConvNoBias(at.name(), width, width, 3, 1, op.Same(1))
		}
		d.levels = append(d.levels, level)
	}
	return d
}

// forward maps latents [N C H W] to images [N C' fH fW], in about [-1, 1].
func (d *tinyDecoder) forward(g *nn.Graph, latents *G.Node) *G.Node {
	x := g.SoftClamp(g.ChannelsLast(latents), clampLimit)
	x = g.Activate(d.convIn.Forward(g, x), d.act)
	for i, l := range d.levels {
		for _, b := range l.blocks {
			x = b.forward(g, x)
		}
		if i < len(d.levels)-1 {
			s := g.Shape(x)
			x = g.Upsample(x, d.factor*s[1], d.factor*s[2])
		}
		x = l.conv.Forward(g, x)
	}
	return g.ChannelsFirst(g.Affine(g.Mark("decoder", x), 2, -1))
}
