package unet

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// newDownsampler returns the layer that leads from a level to the next: a convolution, or
// in some UNet2DModels a residual block.
func newDownsampler(p *nn.Params, c *Config, level int) *downLayer {
	out := c.BlockOutChannels[level]
	l := &downLayer{out: out, marks: []string{p.Path() + ".downsamplers.0"}}
	if u := c.Unconditional; u != nil && resamples(c.DownBlockTypes[level], u.DownsampleType) {
		l.resnet, l.halves = newResBlock(p.At("downsamplers.0"), c, out, out), true
		return l
	}
	pad := op.Same(1)
	if c.DownsamplePadding == 0 {
		pad = op.Padding{Bottom: 1, Right: 1}
	}
	l.conv = p.Conv("downsamplers.0.conv", out, out, 3, 2, pad)
	return l
}

// size is that of the output for an image of h×w.
func (l *downLayer) size(h, w int) (int, int) {
	switch {
	case l.conv != nil:
		return l.conv.Size(h, w)
	case l.halves:
		return h / 2, w / 2
	}
	return h, w
}

// upsampler leads from a level to the one above: by a convolution of the enlarged image,
// or a residual block that enlarges.
type upsampler struct {
	conv   *nn.Conv2D
	resnet *resBlock // if conv is nil
}

// newUpsampler returns that of the up block i, of so many channels.
func newUpsampler(p *nn.Params, c *Config, i, channels int) *upsampler {
	if u := c.Unconditional; u != nil && resamples(c.UpBlockTypes[i], u.UpsampleType) {
		return &upsampler{resnet: newResBlock(p.At("upsamplers.0"), c, channels, channels)}
	}
	return &upsampler{conv: p.Conv3x3("upsamplers.0.conv", channels, channels)}
}

// forward maps x [N H W C] to [N h w C].
func (u *upsampler) forward(g *nn.Graph, x, temb *G.Node, h, w int) *G.Node {
	enlarge := func(x *G.Node) *G.Node { return g.Upsample(x, h, w) }
	if u.conv != nil {
		return u.conv.Forward(g, enlarge(x))
	}
	return u.resnet.resized(g, x, temb, enlarge)
}
