package vae

import (
	"context"
	"errors"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// errNoCodebook is for an autoencoder that has none.
var errNoCodebook = errors.New("vae: have no codebook, want a VQModel")

// codebookKey is the key of a plan that has the codebook alone.
type codebookKey struct {
	n, h, w int
	task    codebookTask
}

// codebookTask is what a codebook is asked for.
type codebookTask int

const (
	quantize codebookTask = iota // entries for latents
	indices                      // their numbers
	lookup                       // entries for numbers
)

// Quantize returns for latents [N C H W] of a VQModel, scaled to unit variance, the
// nearest entries of its codebook, scaled as well, and their numbers [N H W], from 0 to
// Config.VQ.NumVQEmbeddings−1. Of several as near it takes the first. Decode does so by
// itself.
func (v *VAE) Quantize(ctx context.Context, latents *tensor.Dense) (entries, numbers *tensor.Dense, err error) {
	if err := v.hasCodebook(); err != nil {
		return nil, nil, err
	}
	x, err := nn.Floats("vae: latents", latents, -1, v.Config.LatentChannels, -1, -1)
	if err != nil {
		return nil, nil, err
	}
	s := latents.Shape()
	z, scaled := make([]float32, len(x)), v.Config.scaling()
	scaled.from(z, x)
	entries, numbers = nn.Tensor(s...), nn.Tensor(s[0], s[2], s[3])
	if err := v.ask(ctx, codebookKey{s[0], s[2], s[3], quantize}, z, entries.Float32s()); err != nil {
		return nil, nil, err
	}
	if err := v.ask(ctx, codebookKey{s[0], s[2], s[3], indices}, z, numbers.Float32s()); err != nil {
		return nil, nil, err
	}
	scaled.unit(entries.Float32s(), s[2]*s[3])
	return entries, numbers, nil
}

// Lookup returns the latents [N C H W], scaled to unit variance, that numbers [N H W] of
// entries of a VQModel's codebook stand for.
func (v *VAE) Lookup(ctx context.Context, numbers *tensor.Dense) (*tensor.Dense, error) {
	if err := v.hasCodebook(); err != nil {
		return nil, err
	}
	x, err := nn.Floats("vae: numbers of entries", numbers, -1, -1, -1)
	if err != nil {
		return nil, err
	}
	s := numbers.Shape()
	out := nn.Tensor(s[0], v.Config.LatentChannels, s[1], s[2])
	if err := v.ask(ctx, codebookKey{s[0], s[1], s[2], lookup}, x, out.Float32s()); err != nil {
		return nil, err
	}
	scaled := v.Config.scaling()
	scaled.unit(out.Float32s(), s[1]*s[2])
	return out, nil
}

// hasCodebook wants a VQModel.
func (v *VAE) hasCodebook() error {
	if err := v.loaded(); err != nil {
		return err
	}
	if v.codebook == nil {
		return errNoCodebook
	}
	return nil
}

// ask runs the codebook alone.
func (v *VAE) ask(ctx context.Context, k codebookKey, x, out []float32) error {
	build := func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		var in, y *G.Node
		switch k.task {
		case lookup:
			in = g.Input("input", k.n, k.h*k.w)
			y = g.Reshape(v.codebook.Forward(g, in, nil), k.n, k.h, k.w, v.Config.LatentChannels)
			y = g.ChannelsFirst(y)
		case indices:
			in = g.Input("input", k.n, v.Config.LatentChannels, k.h, k.w)
			y = v.codebook.Nearest(g, g.ChannelsLast(in))
		default:
			in = g.Input("input", k.n, v.Config.LatentChannels, k.h, k.w)
			y = g.ChannelsFirst(v.codebook.Quantize(g, g.ChannelsLast(in)))
		}
		return []*G.Node{in}, []*G.Node{y}, g.Err()
	}
	return v.model.Run(ctx, k, build, model.Inputs{"input": x}, [][]float32{out})
}
