package unet

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// hintEmbedding makes of a picture what a ControlNet adds to its first feature (Zhang et
// al. 2023, section 3.2):
//
//	image ─ conv_in ─ SiLU ─ (3×3 ─ SiLU ─ 3×3, halves ─ SiLU)… ─ conv_out ─ hint
//
// https://arxiv.org/abs/2302.05543
type hintEmbedding struct {
	layers []*nn.Conv2D // each followed by SiLU
	out    *nn.Conv2D
	flip   bool // channels are read backwards
}

func newHintEmbedding(p *nn.Params, c *ControlNetConfig) *hintEmbedding {
	channels := c.EmbeddingChannels
	e := &hintEmbedding{layers: []*nn.Conv2D{p.Conv3x3("conv_in", c.ConditioningChannels, channels[0])}, flip: c.ChannelOrder == orderBGR}
	for i, in := range channels[:len(channels)-1] {
		at := p.At("blocks")
		e.layers = append(e.layers, at.At("%d", 2*i).Conv3x3("", in, in), at.At("%d", 2*i+1).Conv("", in, channels[i+1], 3, 2, op.Same(1)))
	}
	e.out = p.Conv3x3("conv_out", channels[len(channels)-1], c.BlockOutChannels[0])
	return e
}

// forward maps an image [N C H W] to its embedding [N C h w].
func (e *hintEmbedding) forward(g *nn.Graph, image *G.Node) *G.Node {
	x := g.ChannelsLast(image)
	if e.flip {
		x = g.FlipChannels(x)
	}
	for _, l := range e.layers {
		x = g.SiLU(l.Forward(g, x))
	}
	return g.ChannelsFirst(g.Mark("controlnet_cond_embedding", e.out.Forward(g, x)))
}

// size is that of the embedding of an image of h×w pixels.
func (e *hintEmbedding) size(h, w int) (int, int) {
	for _, l := range e.layers {
		h, w = l.Size(h, w)
	}
	return h, w
}
