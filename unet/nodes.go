package unet

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// Nodes are the inputs of the U-Net in a graph, all float32.
type Nodes struct {
	Latents   *G.Node               // [N C H W], as Input.Latents
	Timesteps *G.Node               // [N], 0..999, fractions allowed
	Cond      Conditioning[*G.Node] // what else the prediction depends on
}

// images returns the nodes that the first layer reads.
func (in *Nodes) images() []*G.Node {
	if in.Cond.Channels == nil {
		return []*G.Node{in.Latents}
	}
	return []*G.Node{in.Latents, in.Cond.Channels}
}

// conditions returns the nodes that there are beside those.
func (u *UNet) conditions(in Nodes) []*G.Node {
	l := []*G.Node{in.Timesteps}
	for _, f := range fields(u, &in.Cond, dims{}) {
		if *f.at != nil && f.at != &in.Cond.Channels {
			l = append(l, *f.at)
		}
	}
	l = append(l, in.Cond.Images.nodes()...)
	if r := in.Cond.Residuals; r != nil {
		l = append(append(l, r.Down...), r.Mid)
	}
	if f := in.Cond.Features; f != nil {
		l = append(l, f.Levels...)
		if f.Mid != nil {
			l = append(l, f.Mid)
		}
	}
	return l
}

// nodes adds the inputs of a shape to a graph.
func (u *UNet) nodes(g *nn.Graph, s shape) Nodes {
	in := Nodes{Latents: g.Input(latentsInput, s.latents.shape()...), Timesteps: g.Input(timesInput, s.latents[0])}
	to := fields(u, &in.Cond, s.latents)
	for i, f := range fields(u, &s.cond, s.latents) {
		if *f.at != (dims{}) {
			*to[i].at = g.Input(f.name, f.at.shape()...)
		}
	}
	in.Cond.Images = u.imageNodes(g, s.images, s.latents)
	for _, f := range addFields(u, &in.Cond, s) {
		*f.at = g.Input(f.name, f.shape...)
	}
	return in
}

// checkNodes wants the inputs of a graph to be those that the model takes; the latents
// and the channels beside them only if they are read.
func (u *UNet) checkNodes(g *G.ExprGraph, in Nodes, latents bool) error {
	if err := u.loaded(); err != nil {
		return err
	}
	return u.checkAll(g, in, latents)
}

// checkAll is checkNodes for a network that was loaded.
func (u *UNet) checkAll(g *G.ExprGraph, in Nodes, latents bool) error {
	if err := nn.CheckNode(g, "unet: timesteps", in.Timesteps, -1); err != nil {
		return err
	}
	size := dims{in.Timesteps.Shape()[0], u.Config.InChannels, -1, -1}
	if latents {
		if err := nn.CheckNode(g, "unet: latents", in.Latents, size[0], u.latentChannels(in.Cond.Channels != nil), -1, -1); err != nil {
			return err
		}
		size = dimsOf(in.Latents.Shape())
	} else {
		in.Cond.Channels = nil
	}
	_, _, err := check(u, &in.Cond, size, func(f field[*G.Node]) ([]int, error) {
		if err := nn.CheckNode(g, f.title(), *f.at, f.shape...); err != nil {
			return nil, err
		}
		return (*f.at).Shape(), nil
	})
	if err != nil {
		return fmt.Errorf("unet: %w", err)
	}
	return nil
}
