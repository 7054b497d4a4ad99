package vae

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// BuildEncoder adds the encoder to the graph g. It maps images [N C H W] to
// moments [N 2C' H/8 W/8]: the means, then the logarithms of the variances, not
// clamped, before scaling. Of an AutoencoderTiny or a VQModel they are the latents
// [N C' H/8 W/8].
func (v *VAE) BuildEncoder(g *G.ExprGraph, images *G.Node) (*G.Node, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	if v.encoder == nil {
		return nil, ErrNoEncoder
	}
	if err := nn.CheckNode(g, "vae: images", images, -1, v.Config.InChannels, -1, -1); err != nil {
		return nil, err
	}
	if s, f := images.Shape(), v.Config.Factor(); s[2] < f || s[3] < f {
		return nil, fmt.Errorf("vae: images: have a node of shape %v, want sides of %d or more", []int(s), f)
	}
	b := nn.NewGraph(g)
	out := v.encoder.forward(b, images)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("vae: encoder: %w", err)
	}
	return out, nil
}

// BuildDecoder adds the decoder to the graph g. It maps latents [N C H W],
// divided by Config.ScalingFactor, to images [N C' 8H 8W]. In a VQModel it quantizes them,
// and the derivative by them is that by what the codebook has in their places.
func (v *VAE) BuildDecoder(g *G.ExprGraph, latents *G.Node) (*G.Node, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	if err := nn.CheckNode(g, "vae: latents", latents, -1, v.Config.LatentChannels, -1, -1); err != nil {
		return nil, err
	}
	b := nn.NewGraph(g)
	out := v.decoder.forward(b, latents)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("vae: decoder: %w", err)
	}
	return out, nil
}

// WeightNodes returns the nodes of the VAE's weights in a graph that BuildEncoder or BuildDecoder added to,
// by the checkpoint's keys. Their values are the model's own, which all graphs
// share; diffusion.Trainable gives a node numbers that may change.
func (v *VAE) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	if v.loaded() != nil || g == nil {
		return nil
	}
	return v.model.WeightNodes(g)
}

// key is the key of a plan: one half of the model at one shape of its input.
type key struct {
	decode  bool
	n, h, w int
	wrap    op.Wrap
	raw     bool // latents that are not quantized
}

// build makes the graph for a key.
func (v *VAE) build(k key) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		g.Wrap(k.wrap)
		channels, forward := v.Config.LatentChannels, v.decoder.forward
		if k.raw {
			forward = v.unquantized.forward
		}
		if !k.decode {
			channels, forward = v.Config.InChannels, v.encoder.forward
		}
		in := g.Input("input", k.n, channels, k.h, k.w)
		out := forward(g, in)
		return []*G.Node{in}, []*G.Node{out}, g.Err()
	}
}
