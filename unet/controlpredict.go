package unet

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/diffusion/plan"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// The names of a ControlNet's own inputs.
const (
	imageInput = "image"
	hintInput  = "hint"
)

// hintKey names the plan of an embedding of n images of h×w pixels.
type hintKey struct{ n, h, w int }

// controlKey names the plan of a prediction.
type controlKey struct{ shape }

// Embed returns the embedding [N C h w] of images [N 3 H W], with values from 0 to 1, which
// [ControlNet.Predict] reads: once for all times. Their sides are those of the latents
// times Config.Factor, which is 8 in general; channels are as many as
// Config.ConditioningChannels. It returns ctx's error soon after ctx is done.
func (c *ControlNet) Embed(ctx context.Context, image *tensor.Dense) (*tensor.Dense, error) {
	if err := c.loaded(); err != nil {
		return nil, err
	}
	x, err := nn.Floats(imageInput, image, -1, c.Config.ConditioningChannels, -1, -1)
	if err != nil {
		return nil, fmt.Errorf("unet: controlnet: %w", err)
	}
	s := image.Shape()
	key, f := hintKey{s[0], s[2], s[3]}, c.Config.Factor()
	if key.h%f != 0 || key.w%f != 0 {
		return nil, fmt.Errorf("unet: controlnet: image: have %d×%d pixels, want multiples of %d", key.w, key.h, f)
	}
	h, w := c.hint.size(key.h, key.w)
	out := nn.Tensor(key.n, c.Config.BlockOutChannels[0], h, w)
	if err := c.model.Run(ctx, key, c.buildHint(key), model.Inputs{imageInput: x}, [][]float32{out.Float32s()}); err != nil {
		return nil, err
	}
	return out, nil
}

// buildHint makes the graph of an embedding.
func (c *ControlNet) buildHint(k hintKey) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := c.model.Graph()
		image := g.Input(imageInput, k.n, c.Config.ConditioningChannels, k.h, k.w)
		return []*G.Node{image}, []*G.Node{c.hint.forward(g, image)}, g.Err()
	}
}

// ControlInput is what a prediction of a ControlNet is made from.
type ControlInput struct {
	// Input is that of the U-Net, but for what it alone reads: of the latents the channels
	// that Config.InChannels counts, and no residuals, features, image tokens or TimeCond.
	Input
	// Hint [N C H W] is what Embed returned.
	Hint *tensor.Dense
	// Into, if not nil, is the memory of the result: zeros or anything, in the shapes of
	// ResidualShapes.
	Into *Residuals[*tensor.Dense]
}

// Predict returns what is to be added to a U-Net, not yet scaled (see [ControlNet.Scales]).
// It returns ctx's error soon after ctx is done.
func (c *ControlNet) Predict(ctx context.Context, in ControlInput) (*Residuals[*tensor.Dense], error) {
	if err := c.loaded(); err != nil {
		return nil, err
	}
	s, inputs, err := c.inputs(in.Input, in.Hint)
	if err != nil {
		return nil, fmt.Errorf("unet: controlnet: %w", err)
	}
	r, err := c.result(s, in.Into)
	if err != nil {
		return nil, fmt.Errorf("unet: controlnet: %w", err)
	}
	var out [][]float32
	for _, x := range append(r.Down, r.Mid) {
		out = append(out, x.Float32s())
	}
	if err := c.model.Run(ctx, controlKey{s}, c.build(s), inputs, out); err != nil {
		return nil, err
	}
	return r, nil
}

// result returns the memory of a result: the caller's, or new.
func (c *ControlNet) result(s shape, into *Residuals[*tensor.Dense]) (*Residuals[*tensor.Dense], error) {
	r := into
	if r == nil {
		r = &Residuals[*tensor.Dense]{Down: make([]*tensor.Dense, len(c.half.downs))}
	}
	all, err := residualFields(c.half, r, s.latents)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if into == nil {
			*f.at = nn.Tensor(f.shape...)
		}
		if _, err := nn.Floats("into: "+f.title(), *f.at, f.shape...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// ResidualShapes are the shapes [N C H W] of the residuals for n samples of h×w latents:
// those of Down, and then that of Mid.
func (c *ControlNet) ResidualShapes(n, h, w int) [][]int {
	if c.loaded() != nil {
		return nil
	}
	return residualShapes(c.half, dims{n, c.Config.InChannels, h, w})
}

// inputs checks the input and names its parts as a plan of its shape does.
func (c *ControlNet) inputs(in Input, hint *tensor.Dense) (s shape, inputs model.Inputs, err error) {
	if in.Cond.Residuals != nil || in.Cond.Features != nil {
		return s, nil, errors.New("have residuals or features, want none: they are for the U-Net")
	}
	if s, inputs, err = c.half.inputs(in); err != nil {
		return s, nil, err
	}
	inputs[hintInput], err = nn.Floats(hintInput, hint, c.hintShape(s)...)
	return s, inputs, err
}

// hintShape is that of the embedding for latents of a shape.
func (c *ControlNet) hintShape(s shape) []int {
	return []int{s.latents[0], c.Config.BlockOutChannels[0], s.latents[2], s.latents[3]}
}

// build makes the graph of a prediction.
func (c *ControlNet) build(s shape) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := c.model.Graph()
		in := c.half.nodes(g, s)
		hint := g.Input(hintInput, c.hintShape(s)...)
		r := c.forward(g, in, hint)
		inputs = append(c.half.conditions(in), in.images()...)
		return append(inputs, hint), append(r.Down, r.Mid), g.Err()
	}
}

// shape returns the shape of an input of the given sizes.
func (c *ControlNet) shape(n, h, w, tokens int) (shape, error) {
	if err := c.loaded(); err != nil {
		return shape{}, err
	}
	return c.half.sized(n, h, w, tokens)
}

// Check reports as an error that a prediction for n samples of h×w latents and the given
// number of tokens would not fit in the memory allowed. It allocates nothing of that size.
func (c *ControlNet) Check(n, h, w, tokens int) error {
	s, err := c.shape(n, h, w, tokens)
	if err != nil {
		return err
	}
	return c.model.Check(controlKey{s}, c.build(s), 0, fmt.Sprintf("a ControlNet's prediction for latents %v", s.latents.shape()))
}

// Values returns the bytes of intermediate values of a prediction for n samples of h×w
// latents and the given number of tokens.
func (c *ControlNet) Values(n, h, w, tokens int) (int64, error) {
	s, err := c.shape(n, h, w, tokens)
	if err != nil {
		return 0, err
	}
	return c.model.Values(controlKey{s}, c.build(s))
}

// EmbedValues returns the bytes of intermediate values of Embed for one image, for h×w
// latents.
func (c *ControlNet) EmbedValues(h, w int) (int64, error) {
	if _, err := c.shape(1, h, w, 1); err != nil {
		return 0, err
	}
	k := hintKey{1, h * c.Config.Factor(), w * c.Config.Factor()}
	if err := nn.CheckSize("unet: controlnet: image", 1, c.Config.ConditioningChannels, k.h, k.w); err != nil {
		return 0, err
	}
	return c.model.Values(k, c.buildHint(k))
}

// Plan tells how a prediction for n samples of h×w latents and the given number of tokens
// is computed.
func (c *ControlNet) Plan(n, h, w, tokens int) (*plan.Part, error) {
	s, err := c.shape(n, h, w, tokens)
	if err != nil {
		return nil, err
	}
	return c.model.Plan(controlKey{s}, c.build(s))
}
