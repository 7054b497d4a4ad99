// Package vae is the autoencoder of Stable Diffusion: it maps images to latents
// of an eighth of their size, and back.
package vae

import (
	"context"
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/plan"
)

// VAE is the variational autoencoder of Kingma and Welling (2014) in the form of
// Rombach et al. (2022), diffusers' AutoencoderKL. It is safe for concurrent
// use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/1312.6114
// https://arxiv.org/abs/2112.10752
type VAE struct {
	// Config is the structure of the model. It must not be changed.
	Config Config

	model   *model.Model
	encoder *encoder // nil if the checkpoint has none
	decoder *decoder
}

// define decodes the config and asks for the weights.
func (v *VAE) define(config []byte, p *nn.Params) (err error) {
	if v.Config, err = ParseConfig(config); err != nil {
		return err
	}
	p.Unknown(v.Config.Warnings)
	p.Limit(kernel.BFloat16)
	if p.Random() || p.Has("encoder.conv_in.weight") {
		v.encoder = newEncoder(p, &v.Config)
	}
	v.decoder = newDecoder(p, &v.Config)
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

// ErrNoEncoder is returned by Encode for a checkpoint that has only a decoder.
var ErrNoEncoder = errors.New("vae: the checkpoint has no encoder")

// HasEncoder says whether the checkpoint has an encoder.
func (v *VAE) HasEncoder() bool { return v != nil && v.encoder != nil }

// BuildEncoder adds the encoder to the graph g. It maps images [N C H W] to
// moments [N 2C' H/8 W/8]: the means, then the logarithms of the variances, not
// clamped, before scaling.
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
// divided by Config.ScalingFactor, to images [N C' 8H 8W].
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
}

// build makes the graph for a key.
func (v *VAE) build(k key) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		channels, forward := v.Config.LatentChannels, v.decoder.forward
		if !k.decode {
			channels, forward = v.Config.InChannels, v.encoder.forward
		}
		in := g.Input("input", k.n, channels, k.h, k.w)
		out := forward(g, in)
		return []*G.Node{in}, []*G.Node{out}, g.Err()
	}
}

// DecodePlan tells how latents [1 C h w] are decoded.
func (v *VAE) DecodePlan(h, w int) (*plan.Part, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	if err := v.checkSize(h, w, v.Config.Factor()); err != nil {
		return nil, err
	}
	k := key{true, 1, h, w}
	return v.model.Plan(k, v.build(k))
}

// Decode maps latents [N 4 H W], scaled to unit variance as samplers work on
// them, to images [N 3 8H 8W] with values in about [-1, 1]. Images are decoded
// one at a time, so memory does not grow with N. It returns ctx's error soon
// after ctx is done.
func (v *VAE) Decode(ctx context.Context, latents *tensor.Dense) (*tensor.Dense, error) {
	return v.decode(ctx, latents, 0)
}

// decode is Decode by tiles of tile×tile pixels; 0 means the whole.
func (v *VAE) decode(ctx context.Context, latents *tensor.Dense, tile int) (*tensor.Dense, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	c := &v.Config
	x, err := nn.Floats("vae: latents", latents, -1, c.LatentChannels, -1, -1)
	if err != nil {
		return nil, err
	}
	s, f := latents.Shape(), c.Factor()
	if err := v.checkDecode(s[2], s[3], tile); err != nil {
		return nil, err
	}
	out := nn.Tensor(s[0], c.OutChannels, f*s[2], f*s[3])
	return out, v.decodeAll(ctx, x, s, out.Float32s(), tile)
}

// DecodeInto is Decode, or DecodeTiles unless tile is 0, to memory of the caller's: dst
// has the size of the images.
func (v *VAE) DecodeInto(ctx context.Context, latents *tensor.Dense, dst []float32, tile int) error {
	if err := v.loaded(); err != nil {
		return err
	}
	c := &v.Config
	x, err := nn.Floats("vae: latents", latents, -1, c.LatentChannels, -1, -1)
	if err != nil {
		return err
	}
	if tile != 0 {
		if err := c.CheckTile(tile); err != nil {
			return err
		}
	}
	s := latents.Shape()
	if err := v.checkDecode(s[2], s[3], tile); err != nil {
		return err
	}
	if have, want := len(dst), s[0]*c.OutChannels*c.Factor()*s[2]*c.Factor()*s[3]; have != want {
		return fmt.Errorf("vae: images: have room for %d numbers, want %d", have, want)
	}
	return v.decodeAll(ctx, x, s, dst, tile)
}

// decodeAll decodes latents x of shape s, one image after the other, to y.
func (v *VAE) decodeAll(ctx context.Context, x []float32, s tensor.Shape, y []float32, tile int) error {
	c := &v.Config
	n, h, w := s[0], s[2], s[3]
	call := v.call(true, h, w, tile)
	ctx, end, err := v.begin(ctx, call, 4*int64(len(x)/n+len(y)))
	if err != nil {
		return err
	}
	defer end()
	size, outSize := len(x)/n, len(y)/n
	z := make([]float32, size)
	for i := range n {
		for j, v := range x[i*size : (i+1)*size] {
			z[j] = v/float32(c.ScalingFactor) + float32(c.shift())
		}
		if err := v.image(ctx, call, z, y[i*outSize:(i+1)*outSize]); err != nil {
			return err
		}
	}
	return nil
}

// CheckDecode reports as an error that decoding latents of h×w would not fit in
// the memory allowed.
func (v *VAE) CheckDecode(h, w int) error { return v.checkDecode(h, w, 0) }

// Posterior is the distribution of the latents of images: independent normals. Encode
// makes it.
type Posterior struct {
	Mean   *tensor.Dense // [N 4 H W], before scaling
	LogVar *tensor.Dense // [N 4 H W], logarithm of the variance, in [-30, 20]

	scale, shift float32
}

// Encode maps images [N 3 H W] with values in [-1, 1] to the distribution of
// their latents, [N 4 H/8 W/8]. Images are encoded one at a time. It returns
// ctx's error soon after ctx is done, and ErrNoEncoder if there is none.
func (v *VAE) Encode(ctx context.Context, images *tensor.Dense) (*Posterior, error) {
	return v.encode(ctx, images, 0)
}

// encode is Encode by tiles of tile×tile pixels; 0 means the whole.
func (v *VAE) encode(ctx context.Context, images *tensor.Dense, tile int) (*Posterior, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	if v.encoder == nil {
		return nil, ErrNoEncoder
	}
	c := &v.Config
	x, err := nn.Floats("vae: images", images, -1, c.InChannels, -1, -1)
	if err != nil {
		return nil, err
	}
	s := images.Shape()
	n, h, w := s[0], s[2], s[3]
	if err := v.checkEncode(h, w, tile); err != nil {
		return nil, err
	}
	f := c.Factor()
	p := &Posterior{
		Mean:   nn.Tensor(n, c.LatentChannels, h/f, w/f),
		LogVar: nn.Tensor(n, c.LatentChannels, h/f, w/f),
		scale:  float32(c.ScalingFactor), shift: float32(c.shift()),
	}
	size, half := len(x)/n, p.Mean.DataSize()/n
	call := v.call(false, h, w, tile)
	ctx, end, err := v.begin(ctx, call, 4*int64(2*half*(n+1)))
	if err != nil {
		return nil, err
	}
	defer end()
	moments := make([]float32, 2*half)
	for i := range n {
		if err := v.image(ctx, call, x[i*size:(i+1)*size], moments); err != nil {
			return nil, err
		}
		copy(p.Mean.Float32s()[i*half:], moments[:half])
		for j, m := range moments[half:] {
			p.LogVar.Float32s()[i*half+j] = min(max(m, -30), 20)
		}
	}
	return p, nil
}

// CheckEncode reports as an error that encoding an image of h×w pixels would not
// fit in the memory allowed, or that it is smaller than one latent cell.
func (v *VAE) CheckEncode(h, w int) error { return v.checkEncode(h, w, 0) }

// Sample returns latents [N 4 H W], scaled to unit variance, for standard normal
// noise of that many elements; noise nil gives the mean.
func (p *Posterior) Sample(noise []float32) (*tensor.Dense, error) {
	if p == nil || p.Mean == nil || p.scale == 0 {
		return nil, errors.New("vae: posterior: have an empty one, want one from Encode")
	}
	mean, err := nn.Floats("vae: posterior: mean", p.Mean, -1, -1, -1, -1)
	if err != nil {
		return nil, err
	}
	logVar, err := nn.Floats("vae: posterior: log var", p.LogVar, p.Mean.Shape()...)
	if err != nil {
		return nil, err
	}
	if noise != nil && len(noise) != len(mean) {
		return nil, fmt.Errorf("vae: noise: have %d elements, want %d", len(noise), len(mean))
	}
	out := nn.Tensor(p.Mean.Shape()...)
	x := out.Float32s()
	for i, m := range mean {
		if noise != nil {
			std := float32(math.Exp(0.5 * float64(logVar[i])))
			m += float32(std * noise[i])
		}
		x[i] = float32(m-p.shift) * p.scale
	}
	return out, nil
}
