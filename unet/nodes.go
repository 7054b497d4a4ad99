package unet

import (
	"errors"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// Nodes are the inputs of the U-Net in a graph, all float32.
type Nodes struct {
	Latents     *G.Node // [N C H W]
	Timesteps   *G.Node // [N], 0..999, fractions allowed
	Cond        *G.Node // [N T D]
	ClassLabels *G.Node // [N 1] whole numbers; nil if the model has no classes
	TimeCond    *G.Node // [N D], D being Config.TimeCondProjDim; nil for none
}

// list returns the nodes in the order of a plan's inputs.
func (in Nodes) list() []*G.Node {
	l := []*G.Node{in.Latents, in.Timesteps, in.Cond}
	if in.ClassLabels != nil {
		l = append(l, in.ClassLabels)
	}
	if in.TimeCond != nil {
		l = append(l, in.TimeCond)
	}
	return l
}

// nodes adds the inputs of a shape to a graph.
func (u *UNet) nodes(g *nn.Graph, s shape) Nodes {
	in := Nodes{
		Latents:   g.Input("latents", s.n, u.Config.InChannels, s.h, s.w),
		Timesteps: g.Input("timesteps", s.n),
		Cond:      g.Input("cond", s.n, s.tokens, u.Config.CrossAttentionDim.At(0)),
	}
	if u.time.classes != nil {
		in.ClassLabels = g.Input("class_labels", s.n, 1)
	}
	if u.time.condProj != nil {
		in.TimeCond = g.Input("time_cond", s.n, *u.Config.TimeCondProjDim)
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
		return nn.CheckNode(g, "unet: time cond", in.TimeCond, n, *u.Config.TimeCondProjDim)
	}
	return nil
}
