package unet

import (
	"context"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// planKey names a plan: the part of the network, cut at a skip branch, or the
// whole.
type planKey struct {
	shape
	part   part
	branch int
	variant
}

// Predict returns the prediction [N C H W], C being Config.OutChannels: the
// noise, or the velocity, as the model was trained. It returns ctx's error soon
// after ctx is done.
func (u *UNet) Predict(ctx context.Context, in Input) (*tensor.Dense, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	s, inputs, err := u.inputs(in)
	if err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	out := nn.Tensor(u.outShape(s)...)
	if err := u.model.Run(ctx, u.key(s), u.build(s), inputs, [][]float32{out.Float32s()}); err != nil {
		return nil, err
	}
	return out, nil
}

// outShape is the shape of the prediction for an input of a shape.
func (u *UNet) outShape(s shape) []int {
	return []int{s.latents[0], u.Config.OutChannels, s.latents[2], s.latents[3]}
}

// key is the key of the whole network's plan.
func (u *UNet) key(s shape) planKey { return planKey{shape: s, variant: u.variant} }

// build makes the graph for a shape.
func (u *UNet) build(s shape) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := u.graph(u.model.Graph())
		in := u.nodes(g, s)
		out := u.forward(g, in)
		return append(u.conditions(in), in.images()...), []*G.Node{out}, g.Err()
	}
}
