package unet

import (
	"errors"
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// ControlNet is the network of Zhang et al. (2023), diffusers' ControlNetModel: a copy of
// a U-Net's way down and middle block, which reads a picture beside the latents and makes
// of each skip what is to be added to the U-Net's.
//
//	image ─ embedding ──┐
//	latents ─ conv_in ─ + ─┬─ down 0 ─┬─ down 1 ─┬ … ┬─ mid ─ 1×1 ─ Residuals.Mid
//	                      1×1        1×1        1×1 1×1
//	                       └──────────┴──────────┴───┴─ Residuals.Down
//
// It is safe for concurrent use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/2302.05543
type ControlNet struct {
	// Config is the structure of the model. It must not be changed.
	Config ControlNetConfig

	model *model.Model
	half  *UNet // its way down and the middle block
	hint  *hintEmbedding
	down  []*nn.Conv2D // the convolution of each skip: zero when training begins
	mid   *nn.Conv2D   // that of the middle block
}

// define decodes the config and asks for the weights.
func (c *ControlNet) define(text []byte, p *nn.Params) (err error) {
	if c.Config, err = ParseControlNetConfig(text); err != nil {
		return err
	}
	p.Unknown(c.Config.Warnings)
	c.half = &UNet{Config: c.Config.Config, title: "ControlNet"}
	c.half.defineDown(p)
	c.half.mid = newMidBlock(p.At("mid_block").Deep(), &c.half.Config)
	c.half.anyText = !c.half.attends()
	c.hint = newHintEmbedding(p.At("controlnet_cond_embedding"), &c.Config)
	for i, l := range c.half.downs {
		c.down = append(c.down, p.At("controlnet_down_blocks").At("%d", i).Conv1x1("", l.out, l.out))
	}
	last := c.half.downs[len(c.half.downs)-1].out
	c.mid = p.Conv1x1("controlnet_mid_block", last, last)
	return nil
}

// Close waits for calls in flight and gives the memory back. Calls that begin later return
// an error that wraps diffusion.ErrClosed. Any number of Closes may run at once.
func (c *ControlNet) Close() error {
	if c.loaded() != nil {
		return nil
	}
	return c.model.Close()
}

// Fingerprint is a short text that tells ControlNets apart by their weights and precision,
// of which it reads a sample. It is empty for one that is closed, or whose weights cannot
// be read any more.
func (c *ControlNet) Fingerprint() string {
	if c.loaded() != nil {
		return ""
	}
	return c.model.Fingerprint()
}

// loaded wants a ControlNet that a constructor made.
func (c *ControlNet) loaded() error {
	if c == nil || c.model == nil {
		return errors.New("unet: controlnet: have one that was not loaded, want one from LoadControlNet")
	}
	return nil
}

// forward is the figure. Hint [N C H W] is the embedding of the picture.
func (c *ControlNet) forward(g *nn.Graph, in Nodes, hint *G.Node) *Residuals[*G.Node] {
	s := c.half.steer(g, in)
	x := c.half.downs[0].forward(g, c.half.in(g, in), s)
	x = g.Add(x, g.ChannelsLast(hint))
	skips := c.half.down(g, x, s, 1, len(c.half.downs))
	r := &Residuals[*G.Node]{Mid: c.residual(g, c.mid, c.half.middle(g, skips[len(skips)-1], s))}
	for i, skip := range skips {
		r.Down = append(r.Down, c.residual(g, c.down[i], skip))
	}
	return r
}

// residual maps a skip [N H W C] to what is added to the U-Net's, [N C H W].
func (c *ControlNet) residual(g *nn.Graph, conv *nn.Conv2D, skip *G.Node) *G.Node {
	x := conv.Forward(g, skip)
	if c.Config.GlobalPool {
		x = g.MeanPixels(x)
	}
	return g.ChannelsFirst(x)
}

// Scales returns what the residuals are multiplied by for a scale of the whole: one number
// for each of Residuals.Down, and then that for Mid. In guess mode (the paper's appendix
// B) they grow from a tenth of it by equal factors, unless all pixels are the mean.
func (c *ControlNet) Scales(scale float64, guess bool) []float32 {
	if c.loaded() != nil {
		return nil
	}
	scales := make([]float32, len(c.down)+1)
	for i := range scales {
		scales[i] = float32(scale)
		if guess && !c.Config.GlobalPool {
			scales[i] *= guessScale(i, len(scales))
		}
	}
	return scales
}

// guessScale is number i of n numbers from 0.1 to 1, of which each is as many times the
// one before.
func guessScale(i, n int) float32 { return float32(math.Pow(10, float64(i)/float64(n-1)-1)) }
