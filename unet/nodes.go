package unet

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// Nodes are the inputs of the U-Net in a graph, all float32.
type Nodes struct {
	Latents     *G.Node             // [N C H W]
	Timesteps   *G.Node             // [N], 0..999, fractions allowed
	Cond        *G.Node             // [N T D]
	ClassLabels *G.Node             // [N 1] whole numbers; nil if the model has no classes
	TimeCond    *G.Node             // [N D], D being Config.TimeCondProjDim; nil for none
	Residuals   *Residuals[*G.Node] // of a ControlNet; nil for none
}

// The names of inputs that are spelled in several places.
const (
	latentsInput = "latents"
	midResidual  = "mid_residual"
)

func downResidual(i int) string { return fmt.Sprintf("down_residual%d", i) }

// conditions returns the nodes that there are beside the latents.
func (in Nodes) conditions() []*G.Node {
	l := []*G.Node{in.Timesteps, in.Cond, in.ClassLabels, in.TimeCond}
	if in.Residuals != nil {
		l = append(append(l, in.Residuals.Down...), in.Residuals.Mid)
	}
	return slices.DeleteFunc(l, func(n *G.Node) bool { return n == nil })
}

// nodes adds the inputs of a shape to a graph.
func (u *UNet) nodes(g *nn.Graph, s shape) Nodes {
	in := Nodes{
		Latents:   g.Input(latentsInput, s.n, u.Config.InChannels, s.h, s.w),
		Timesteps: g.Input("timesteps", s.n),
		Cond:      g.Input("cond", s.n, s.tokens, u.Config.CrossAttentionDim.At(0)),
	}
	if u.time.classes != nil {
		in.ClassLabels = g.Input("class_labels", s.n, 1)
	}
	if u.time.condProj != nil {
		in.TimeCond = g.Input("time_cond", s.n, *u.Config.TimeCondProjDim)
	}
	if s.residuals {
		down, mid := u.residualShapes(s)
		in.Residuals = &Residuals[*G.Node]{Mid: g.Input(midResidual, mid...)}
		for i, shape := range down {
			in.Residuals.Down = append(in.Residuals.Down, g.Input(downResidual(i), shape...))
		}
	}
	return in
}

// checkNodes wants the inputs of a graph to be those that the model takes; the
// latents only if they are read.
func (u *UNet) checkNodes(g *G.ExprGraph, in Nodes, latents bool) error {
	if err := u.loaded(); err != nil {
		return err
	}
	if in.ClassLabels != nil && u.time.classes == nil {
		return errors.New("unet: class labels: have a node, want nil: the model has no classes (num_class_embeds)")
	}
	if in.TimeCond != nil && u.time.condProj == nil {
		return errors.New("unet: time cond: have a node, want nil: the model takes no condition (time_cond_proj_dim)")
	}
	if err := nn.CheckNode(g, "unet: timesteps", in.Timesteps, -1); err != nil {
		return err
	}
	n := in.Timesteps.Shape()[0]
	if err := nn.CheckNode(g, "unet: cond", in.Cond, n, -1, u.Config.CrossAttentionDim.At(0)); err != nil {
		return err
	}
	if latents {
		if err := nn.CheckNode(g, "unet: latents", in.Latents, n, u.Config.InChannels, -1, -1); err != nil {
			return err
		}
	}
	if u.time.classes != nil {
		if err := nn.CheckNode(g, "unet: class labels", in.ClassLabels, n, 1); err != nil {
			return err
		}
	}
	if in.TimeCond != nil {
		if err := nn.CheckNode(g, "unet: time cond", in.TimeCond, n, *u.Config.TimeCondProjDim); err != nil {
			return err
		}
	}
	if in.Residuals == nil {
		return nil
	}
	return u.checkResiduals(g, *in.Residuals, n)
}

// checkResiduals wants a node for each skip; where their sizes differ from the skips',
// building the graph says so.
func (u *UNet) checkResiduals(g *G.ExprGraph, r Residuals[*G.Node], n int) error {
	if have, want := len(r.Down), len(u.downs); have != want {
		return fmt.Errorf("unet: residuals: have %d for the way down, want %d", have, want)
	}
	for i, x := range r.Down {
		if err := nn.CheckNode(g, fmt.Sprintf("unet: residual %d of the way down", i), x, n, u.downs[i].out, -1, -1); err != nil {
			return err
		}
	}
	return nn.CheckNode(g, "unet: residual of the middle", r.Mid, n, u.downs[len(u.downs)-1].out, -1, -1)
}
