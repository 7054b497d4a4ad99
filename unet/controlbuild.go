package unet

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// BuildHint adds the embedding of a picture, [N C H W] with values from 0 to 1, to the
// graph g: what Build reads as its hint.
func (c *ControlNet) BuildHint(g *G.ExprGraph, image *G.Node) (*G.Node, error) {
	if err := c.loaded(); err != nil {
		return nil, err
	}
	if err := nn.CheckNode(g, "unet: controlnet: image", image, -1, c.Config.ConditioningChannels, -1, -1); err != nil {
		return nil, err
	}
	b := nn.NewGraph(g)
	hint := c.hint.forward(b, image)
	return hint, buildError(b)
}

// Build adds the ControlNet to the graph g and returns what is to be added to a U-Net,
// which takes it in Nodes.Cond.Residuals. The graph runs on diffusion.NewMachine and on
// gorgonia.NewTapeMachine.
func (c *ControlNet) Build(g *G.ExprGraph, in Nodes, hint *G.Node) (*Residuals[*G.Node], error) {
	if err := c.loaded(); err != nil {
		return nil, err
	}
	if in.Cond.Residuals != nil || in.Cond.Features != nil {
		return nil, errors.New("unet: controlnet: have residuals or features, want none: they are for the U-Net")
	}
	if err := c.half.checkAll(g, in, true); err != nil {
		return nil, err
	}
	s := in.Latents.Shape()
	if err := nn.CheckNode(g, "unet: controlnet: hint", hint, s[0], c.Config.BlockOutChannels[0], s[2], s[3]); err != nil {
		return nil, err
	}
	b := nn.NewGraph(g)
	r := c.forward(b, in, hint)
	return r, buildError(b)
}

func buildError(b *nn.Graph) error {
	if err := b.Err(); err != nil {
		return fmt.Errorf("unet: controlnet: %w", err)
	}
	return nil
}

// WeightNodes returns the nodes of the ControlNet's weights in a graph that Build and
// BuildHint added to, by the checkpoint's keys. See [UNet.WeightNodes].
func (c *ControlNet) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	if c.loaded() != nil || g == nil {
		return nil
	}
	return c.model.WeightNodes(g)
}
