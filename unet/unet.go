package unet

import (
	"errors"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// UNet is the conditional U-Net of Rombach et al. (2022), diffusers'
// UNet2DConditionModel, or the one without text that it comes from, UNet2DModel (see
// [UnconditionalConfig]).
//
//	latents ─ conv_in ─ down 0 ─┬───────── skips ────────┬─ up 3 ─ norm ─ SiLU ─ conv_out ─ out
//	                    down 1 ─┬────────────────────────┬─ up 2
//	                       …        (each level halves)     …
//	                    down 3 ─┴───────── mid ──────────┴─ up 0
//
// It is safe for concurrent use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/2112.10752
type UNet struct {
	// Config is the structure of the model. It must not be changed.
	Config Config

	model   *model.Model
	time    *timeEmbedding
	downs   []*downLayer // conv_in and what follows, one for each skip
	mid     *midBlock    // nil if the model has none
	ups     []*upLayer   // one for each skip, the last first
	normOut *nn.GroupNorm
	convOut *nn.Conv2D
	cross   []*attention // to the text, as CrossAttentions lists them
	images  string       // key of the pictures that are counted
	title   string       // in errors; "" for a U-Net
	anyText bool         // nothing attends to the tokens, which may have any width
	expects expected
	variant

	position *positionNet // nil if it takes no boxes
}

// variant is how a U-Net works beside its weights. The zero value is as it was trained.
type variant struct {
	merging      TokenMerging
	freeU        FreeU
	seamless     Seamless
	perturbation perturbation
}

// define decodes the config and asks for the weights.
func (u *UNet) define(config []byte, p *nn.Params) (err error) {
	if u.Config, err = ParseConfig(config); err != nil {
		return err
	}
	p.Unknown(u.Config.Warnings)
	c := &u.Config
	first, levels := c.BlockOutChannels[0], len(c.BlockOutChannels)
	u.defineDown(p)
	u.position = newPositionNet(p.At("position_net"), c)
	if c.MidBlockType != nil {
		u.mid = newMidBlock(p.At("mid_block").Deep(), c)
	}
	for i := range levels {
		u.ups = append(u.ups, newUpBlock(atLevel(p.At("up_blocks.%d", i), levels-1-i), c, i)...)
	}
	u.normOut = p.GroupNorm("conv_norm_out", first, c.NormNumGroups, c.NormEps)
	u.listCross()
	u.convOut = p.Conv("conv_out", first, c.OutChannels, c.ConvOutKernel, 1, op.Same(c.ConvOutKernel/2))
	return nil
}

// defineDown asks for the weights of the way down, and what steers it.
func (u *UNet) defineDown(p *nn.Params) {
	c := &u.Config
	first := c.BlockOutChannels[0]
	u.time = newTimeEmbedding(p, c)
	u.downs = []*downLayer{{out: first, conv: p.Conv("conv_in", c.InChannels, first, c.ConvInKernel, 1, op.Same(c.ConvInKernel/2))}}
	for i := range c.BlockOutChannels {
		u.downs = append(u.downs, newDownBlock(atLevel(p.At("down_blocks.%d", i), i), c, i)...)
	}
}

// atLevel returns p for the blocks of a level. All but those of level 0, which works at the
// size of the latents, are deep; so is what enlarges the image of level 1 to that size.
func atLevel(p *nn.Params, level int) *nn.Params {
	if level == 0 {
		return p
	}
	return p.Deep()
}

// Close waits for calls in flight and gives the memory back. Graphs made by
// Build give an error if they run after it.
// Calls that begin later return an error that wraps diffusion.ErrClosed. Any number of
// Closes may run at once.
func (u *UNet) Close() error {
	if u.loaded() != nil {
		return nil
	}
	return u.model.Close()
}

// Fingerprint is a short text that tells U-Nets apart by their weights and precision,
// of which it reads a sample. It is empty for one that is closed, or whose weights cannot
// be read any more.
func (u *UNet) Fingerprint() string {
	if u.loaded() != nil {
		return ""
	}
	return u.model.Fingerprint()
}

// loaded wants a U-Net that a constructor made.
func (u *UNet) loaded() error {
	if u == nil || u.model == nil {
		return errors.New("unet: have a U-Net that was not loaded, want one from Load or LoadFS")
	}
	return nil
}

// forward is the figure: conv_in and the way down, the middle, the way up, and the way
// out. Split takes the same five arrows, cut at a skip.
func (u *UNet) forward(g *nn.Graph, in Nodes) *G.Node {
	s := u.steer(g, in)
	x := u.in(g, in)
	skips := u.down(g, x, s, 0, len(u.downs))
	x = u.middle(g, skips[len(skips)-1], s)
	x = u.up(g, x, skips, s, len(u.downs), 0)
	return u.out(g, x)
}

// steer computes what the layers read beside the latents.
func (u *UNet) steer(g *nn.Graph, in Nodes) steering {
	s := steering{
		temb:  u.time.forward(g, in.Timesteps, &in.Cond),
		text:  source{tokens: in.Cond.Tokens, mask: in.Cond.TokenMask, images: in.Cond.ImageTokens, shown: in.Cond.Images},
		times: in.Timesteps, variant: u.variant,
		residuals: in.Cond.Residuals, features: in.Cond.Features,
	}
	if in.Cond.Boxes != nil {
		s.text.boxes = u.position.forward(g, in.Cond.Boxes, in.Cond.BoxMask)
	}
	return s
}

// graph returns g for the U-Net's layers.
func (u *UNet) graph(g *nn.Graph) *nn.Graph {
	g.Wrap(u.seamless.wrap())
	return g
}

// in joins the latents [N C H W] and the channels beside them to [N H W C].
func (u *UNet) in(g *nn.Graph, in Nodes) *G.Node {
	x := g.ChannelsLast(in.Latents)
	if more := in.Cond.Channels; more != nil {
		x = g.Concat(x, g.ChannelsLast(more))
	}
	if u.Config.CenterInputSample {
		x = g.Affine(x, 2, -1)
	}
	return x
}

// down runs the layers on the way down that make the skips from one to another, of
// x, the skip before them. It returns all skips, of which these are there.
func (u *UNet) down(g *nn.Graph, x *G.Node, s steering, from, to int) []*G.Node {
	skips := make([]*G.Node, len(u.downs))
	if from > 0 {
		skips[from-1] = x
	}
	for i := from; i < to; i++ {
		x = u.downs[i].forward(g, x, s)
		skips[i] = x
	}
	return skips
}

// middle maps the last skip to what enters the way up.
func (u *UNet) middle(g *nn.Graph, x *G.Node, s steering) *G.Node {
	if u.mid != nil {
		x = u.mid.forward(g, x, s)
	}
	if s.features != nil && s.features.Mid != nil {
		x = g.Add(x, g.ChannelsLast(s.features.Mid))
	}
	if s.residuals != nil {
		x = g.Add(x, g.ChannelsLast(s.residuals.Mid))
	}
	return x
}

// up runs the layers on the way up that take the skips from below one to another.
func (u *UNet) up(g *nn.Graph, x *G.Node, skips []*G.Node, s steering, from, to int) *G.Node {
	for i := from - 1; i >= to; i-- {
		skip := skips[i]
		if s.residuals != nil {
			skip = g.Add(skip, g.ChannelsLast(s.residuals.Down[i]))
		}
		x = u.ups[len(u.ups)-1-i].forward(g, x, skip, skips[max(i-1, 0)], s)
	}
	return x
}

// out maps the feature [N H W C] at full resolution to the prediction [N C H W].
func (u *UNet) out(g *nn.Graph, x *G.Node) *G.Node {
	x = g.Mark("conv_act", g.SiLU(u.normOut.Forward(g, x)))
	return g.ChannelsFirst(u.convOut.Forward(g, x))
}
