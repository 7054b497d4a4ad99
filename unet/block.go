package unet

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// steering is what the layers read beside the latents.
type steering struct {
	temb  *G.Node // [N temb], through SiLU
	text  source  // what pixels attend to
	times *G.Node // [N]
	variant

	residuals *Residuals[*G.Node] // nil for none
	features  *Features[*G.Node]  // nil for none
}

// downLayer makes one skip on the way down: conv_in, or a residual block with its
// attention, or what leads to the next level.
type downLayer struct {
	conv      *nn.Conv2D // then the others are nil
	resnet    *resBlock
	attention *transformer // nil without attention
	pixels    *pixelAttention
	halves    bool     // the residual block halves the size
	out       int      // channels
	feature   int      // number of the feature that is added to the output, from 1; 0 for none
	marks     []string // names of the output, beside the layer's own
}

// newDownBlock returns the layers of one level on the way down.
func newDownBlock(p *nn.Params, c *Config, level int) []*downLayer {
	out := c.BlockOutChannels[level]
	in := c.BlockOutChannels[max(level-1, 0)]
	var layers []*downLayer
	for j := range c.LayersPerBlock.At(level) {
		l := &downLayer{out: out, resnet: newResBlock(p.At("resnets.%d", j), c, in, out)}
		switch kind := c.DownBlockTypes[level]; {
		case strings.HasPrefix(kind, "CrossAttn"):
			l.attention = newTransformer(p.At("attentions.%d", j), c, out, level,
				c.down(level, j), c.OnlyCrossAttention.At(level))
		case strings.HasPrefix(kind, "Attn"):
			l.pixels = newPixelAttention(p.At("attentions.%d", j), c, out, c.NormNumGroups, 1)
		}
		layers = append(layers, l)
		in = out
	}
	if level < len(c.BlockOutChannels)-1 {
		layers = append(layers, newDownsampler(p, c, level))
	}
	featured := layers[len(layers)-1]
	if strings.HasPrefix(c.DownBlockTypes[level], "CrossAttn") {
		featured = layers[c.LayersPerBlock.At(level)-1]
	}
	featured.feature = level + 1
	for j, l := range layers {
		l.marks = append(l.marks, fmt.Sprintf("%s#%d", p.Path(), j+1))
	}
	last := layers[len(layers)-1]
	last.marks = append(last.marks, p.Path())
	return layers
}

// forward maps x [N H W in] to [N H W out], or half that size.
func (l *downLayer) forward(g *nn.Graph, x *G.Node, s steering) *G.Node {
	switch {
	case l.conv != nil:
		x = l.conv.Forward(g, x)
	case l.halves:
		x = l.resnet.resized(g, x, s.temb, g.Halve)
	default:
		x = l.resnet.forward(g, x, s.temb)
	}
	if l.attention != nil {
		x = l.attention.forward(g, x, s)
	}
	if l.pixels != nil {
		x = l.pixels.forward(g, x)
	}
	if f := s.features; f != nil && l.feature > 0 && l.feature <= len(f.Levels) {
		x = g.Add(x, g.ChannelsLast(f.Levels[l.feature-1]))
	}
	for _, path := range l.marks {
		g.Mark(path, x)
	}
	return x
}

// midBlock is the lowest level: resBlock, attention, resBlock, or the first alone.
type midBlock struct {
	resnet0, resnet1 *resBlock
	attention        *transformer // nil, as resnet1, if there is none
	pixels           *pixelAttention
}

func newMidBlock(p *nn.Params, c *Config) *midBlock {
	last := len(c.BlockOutChannels) - 1
	ch := c.BlockOutChannels[last]
	b := &midBlock{resnet0: newResBlock(p.At("resnets.0"), c, ch, ch)}
	if u := c.Unconditional; u != nil {
		b.resnet0.scale = c.MidBlockScaleFactor
		if u.AddAttention {
			b.pixels = newPixelAttention(p.At("attentions.0"), c, ch, u.midGroups(), c.MidBlockScaleFactor)
		}
		b.resnet1 = newResBlock(p.At("resnets.1"), c, ch, ch)
		b.resnet1.scale = c.MidBlockScaleFactor
		return b
	}
	if *c.MidBlockType == midAttention {
		b.attention = newTransformer(p.At("attentions.0"), c, ch, last, c.mid(), false)
		b.resnet1 = newResBlock(p.At("resnets.1"), c, ch, ch)
	}
	return b
}

// forward maps x [N H W C] to [N H W C].
func (b *midBlock) forward(g *nn.Graph, x *G.Node, s steering) *G.Node {
	x = b.resnet0.forward(g, x, s.temb)
	if b.attention != nil {
		x = b.attention.forward(g, x, s)
	}
	if b.pixels != nil {
		x = b.pixels.forward(g, x)
	}
	if b.resnet1 != nil {
		x = b.resnet1.forward(g, x, s.temb)
	}
	return g.Mark("mid_block", x)
}

// upLayer takes one skip on the way up: a residual block with its attention,
// and what leads to the level above if it is a level's last.
type upLayer struct {
	resnet    *resBlock
	attention *transformer // nil without attention
	pixels    *pixelAttention
	last      bool       // of its level
	upsampler *upsampler // nil at the highest level and within a level
	block     string     // the level's path
	index     int        // of the level, from the lowest
	in        int        // channels that come from below
}

// newUpBlock returns the layers of up block i; the levels run backwards.
func newUpBlock(p *nn.Params, c *Config, i int) []*upLayer {
	last := len(c.BlockOutChannels) - 1
	level := last - i
	out := c.BlockOutChannels[level]
	in := c.BlockOutChannels[min(level+1, last)] // from the block before
	below := c.BlockOutChannels[max(level-1, 0)] // the last skip is the next level's
	var layers []*upLayer
	n := c.LayersPerBlock.At(level) + 1
	for j := range n {
		l := &upLayer{block: p.Path(), index: i, last: j == n-1, in: in}
		skip := out
		if l.last {
			skip = below
		}
		l.resnet = newResBlock(p.At("resnets.%d", j), c, in+skip, out)
		switch kind := c.UpBlockTypes[i]; {
		case strings.HasPrefix(kind, "CrossAttn"):
			l.attention = newTransformer(p.At("attentions.%d", j), c, out, level,
				c.up(i, level, j), c.OnlyCrossAttention.At(level))
		case strings.HasPrefix(kind, "Attn"):
			l.pixels = newPixelAttention(p.At("attentions.%d", j), c, out, c.NormNumGroups, 1)
		}
		if l.last && level > 0 {
			l.upsampler = newUpsampler(p, c, i, out)
		}
		layers = append(layers, l)
		in = out
	}
	return layers
}

// forward maps x [N H W in] and the skip of its size to [N H W out], enlarged to
// the size of next, the skip of the layer after it, where that is on another level:
// an odd size where the way down rounded up.
func (l *upLayer) forward(g *nn.Graph, x, skip, next *G.Node, s steering) *G.Node {
	x, skip = s.freeU.weigh(g, l.index, x, skip)
	x = l.resnet.forward(g, g.Concat(x, skip), s.temb)
	if l.attention != nil {
		x = l.attention.forward(g, x, s)
	}
	if l.pixels != nil {
		x = l.pixels.forward(g, x)
	}
	if l.upsampler != nil {
		size := g.Shape(next)
		x = l.upsampler.forward(g, x, s.temb, size[1], size[2])
		x = g.Mark(l.block+".upsamplers.0", x)
	}
	if l.last {
		g.Mark(l.block, x)
	}
	return x
}
