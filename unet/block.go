package unet

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// downBlock is one level on the way down. The output of each layer and of the
// downsampler is kept as a skip.
type downBlock struct {
	path        string
	resnets     []*resBlock
	attentions  []*transformer // nil without attention
	downsampler *nn.Conv2D     // nil at the lowest level
}

func newDownBlock(p *nn.Params, c *Config, level int) *downBlock {
	out := c.BlockOutChannels[level]
	in := c.BlockOutChannels[max(level-1, 0)]
	b := &downBlock{path: p.Path()}
	for j := range c.LayersPerBlock.At(level) {
		b.resnets = append(b.resnets, newResBlock(p.At("resnets.%d", j), c, in, out))
		if strings.HasPrefix(c.DownBlockTypes[level], "CrossAttn") {
			b.attentions = append(b.attentions, newTransformer(p.At("attentions.%d", j), c, out, level,
				c.TransformerLayersPerBlock.At(level), c.OnlyCrossAttention.At(level)))
		}
		in = out
	}
	if level < len(c.BlockOutChannels)-1 {
		pad := op.Same(1)
		if c.DownsamplePadding == 0 {
			pad = op.Padding{Bottom: 1, Right: 1}
		}
		b.downsampler = p.Conv("downsamplers.0.conv", out, out, 3, 2, pad)
	}
	return b
}

// forward maps x [N H W in] to [N H/2 W/2 out], and appends to the skips.
func (b *downBlock) forward(g *nn.Graph, x, temb, cond *G.Node, skips []*G.Node) (*G.Node, []*G.Node) {
	for j, r := range b.resnets {
		x = r.forward(g, x, temb)
		if b.attentions != nil {
			x = b.attentions[j].forward(g, x, cond)
		}
		skips = append(skips, x)
		g.Mark(fmt.Sprintf("%s#%d", b.path, j+1), x)
	}
	if b.downsampler != nil {
		x = g.Mark(b.path+".downsamplers.0", b.downsampler.Forward(g, x))
		skips = append(skips, x)
		g.Mark(fmt.Sprintf("%s#%d", b.path, len(b.resnets)+1), x)
	}
	return g.Mark(b.path, x), skips
}

// midBlock is the lowest level: resBlock, transformer, resBlock.
type midBlock struct {
	resnet0, resnet1 *resBlock
	attention        *transformer
}

func newMidBlock(p *nn.Params, c *Config) *midBlock {
	last := len(c.BlockOutChannels) - 1
	ch := c.BlockOutChannels[last]
	return &midBlock{
		resnet0:   newResBlock(p.At("resnets.0"), c, ch, ch),
		attention: newTransformer(p.At("attentions.0"), c, ch, last, c.TransformerLayersPerBlock.At(last), false),
		resnet1:   newResBlock(p.At("resnets.1"), c, ch, ch),
	}
}

// forward maps x [N H W C] to [N H W C].
func (b *midBlock) forward(g *nn.Graph, x, temb, cond *G.Node) *G.Node {
	x = b.resnet0.forward(g, x, temb)
	x = b.attention.forward(g, x, cond)
	return g.Mark("mid_block", b.resnet1.forward(g, x, temb))
}

// upBlock is one level on the way up. Each layer takes one skip.
type upBlock struct {
	path       string
	resnets    []*resBlock
	attentions []*transformer // nil without attention
	upsampler  *nn.Conv2D     // nil at the highest level
}

// newUpBlock returns up block i; the levels run backwards.
func newUpBlock(p *nn.Params, c *Config, i int) *upBlock {
	last := len(c.BlockOutChannels) - 1
	level := last - i
	out := c.BlockOutChannels[level]
	in := c.BlockOutChannels[min(level+1, last)] // from the block before
	below := c.BlockOutChannels[max(level-1, 0)] // the last skip is the next level's
	b := &upBlock{path: p.Path()}
	layers := c.LayersPerBlock.At(level) + 1
	for j := range layers {
		skip := out
		if j == layers-1 {
			skip = below
		}
		b.resnets = append(b.resnets, newResBlock(p.At("resnets.%d", j), c, in+skip, out))
		if strings.HasPrefix(c.UpBlockTypes[i], "CrossAttn") {
			b.attentions = append(b.attentions, newTransformer(p.At("attentions.%d", j), c, out, level,
				c.TransformerLayersPerBlock.At(level), c.OnlyCrossAttention.At(level)))
		}
		in = out
	}
	if level > 0 {
		b.upsampler = p.Conv3x3("upsamplers.0.conv", out, out)
	}
	return b
}

// forward maps x [N H W in] to [N 2H 2W out], and takes its skips off the end.
// It enlarges to the size of the next skip, which is odd where the way down
// rounded up.
func (b *upBlock) forward(g *nn.Graph, x, temb, cond *G.Node, skips []*G.Node) (*G.Node, []*G.Node) {
	for j, r := range b.resnets {
		last := len(skips) - 1
		x = r.forward(g, g.Concat(x, skips[last]), temb)
		skips = skips[:last]
		if b.attentions != nil {
			x = b.attentions[j].forward(g, x, cond)
		}
	}
	if b.upsampler != nil {
		size := g.Shape(skips[len(skips)-1])
		x = b.upsampler.Forward(g, g.Upsample(x, size[1], size[2]))
		x = g.Mark(b.path+".upsamplers.0", x)
	}
	return g.Mark(b.path, x), skips
}
