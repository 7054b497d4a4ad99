package vae

import (
	"errors"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// VAE is the variational autoencoder of Kingma and Welling (2014) in the form of
// Rombach et al. (2022), diffusers' AutoencoderKL, or the small one that was distilled
// from it, AutoencoderTiny (TAESD), or one with a codebook, VQModel. It is safe for concurrent use: calls share the weights
// and nothing else.
//
// https://arxiv.org/abs/1312.6114
// https://arxiv.org/abs/2112.10752
type VAE struct {
	// Config is the structure of the model. It must not be changed.
	Config Config

	model   *model.Model
	encoder half // nil if the checkpoint has none
	decoder half

	codebook    *nn.Embedding // of a VQModel
	unquantized half          // its decoder of latents as they are
}

// half is an encoder or decoder, which maps images or latents [N C H W] to moments or
// images.
type half interface {
	forward(g *nn.Graph, x *G.Node) *G.Node
}

// define decodes the config and asks for the weights.
func (v *VAE) define(config []byte, p *nn.Params) (err error) {
	if v.Config, err = ParseConfig(config); err != nil {
		return err
	}
	p.Unknown(v.Config.Warnings)
	p.Limit(kernel.BFloat16)
	if c := v.Config.Tiny; c != nil {
		if p.Random() || p.Has("encoder.layers.0.weight") {
			v.encoder = newTinyEncoder(p, c)
		}
		v.decoder = newTinyDecoder(p, c)
		return nil
	}
	if p.Random() || p.Has("encoder.conv_in.weight") {
		v.encoder = newEncoder(p, &v.Config)
	}
	d := newDecoder(p, &v.Config)
	v.decoder = d
	if q := v.Config.VQ; q != nil {
		plain := *d
		v.unquantized = &plain
		v.codebook = p.Embedding("quantize.embedding", q.NumVQEmbeddings, v.Config.LatentChannels)
		d.codebook = v.codebook
	}
	return nil
}

// Close waits for calls in flight and gives the memory back. Graphs made by
// BuildEncoder and BuildDecoder give an error if they run after it.
// Calls that begin later return an error that wraps diffusion.ErrClosed. Any number of
// Closes may run at once.
func (v *VAE) Close() error {
	if v.loaded() != nil {
		return nil
	}
	return v.model.Close()
}

// loaded wants a VAE that a constructor made.
func (v *VAE) loaded() error {
	if v == nil || v.model == nil {
		return errors.New("vae: have a VAE that was not loaded, want one from Load or LoadFS")
	}
	return nil
}

// ErrNoEncoder is returned by Encode for a checkpoint that has only a decoder. It is
// diffusion.ErrNoEncoder too.
var ErrNoEncoder = errors.New("vae: the checkpoint has no encoder")

// HasEncoder says whether the checkpoint has an encoder.
func (v *VAE) HasEncoder() bool { return v != nil && v.encoder != nil }
