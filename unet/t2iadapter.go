package unet

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// T2IAdapter is the network of Mou et al. (2023), diffusers' T2IAdapter: it makes of a
// picture, once for all times, a feature for each level of a U-Net's way down.
//
//	image ─ squares to channels ─ conv_in ─ level 0 ─┬─ level 1 ─┬ …
//	                                              feature 0   feature 1
//
// A light adapter has no conv_in, and narrower levels between 1×1 convolutions. It is safe
// for concurrent use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/2302.08453
type T2IAdapter struct {
	// Config is the structure of the model. It must not be changed.
	Config T2IAdapterConfig

	model  *model.Model
	convIn *nn.Conv2D // nil in a light adapter
	levels []*t2iBlock
}

// t2iBlock is a level:
//
//	x ─ halve (perhaps) ─ in_conv (perhaps) ─ block… ─ out_conv (light) ─ out
//	block: x ─┬─ 3×3 ─ ReLU ─ 1×1 or 3×3 ─ + ─
//	          └────────────────────────────┘
type t2iBlock struct {
	t2iLevel
	inConv, outConv *nn.Conv2D // nil if there is none
	blocks          [][2]*nn.Conv2D
}

// lightShare is by how much a light adapter's blocks are narrower than their level.
const lightShare = 4

// define decodes the config and asks for the weights.
func (t *T2IAdapter) define(text []byte, p *nn.Params) (err error) {
	if t.Config, err = ParseT2IAdapterConfig(text); err != nil {
		return err
	}
	c := &t.Config
	p.Unknown(c.Warnings)
	p = p.At("adapter")
	light := c.Type == lightAdapter
	if !light {
		t.convIn = p.Conv3x3("conv_in", c.InChannels*c.DownscaleFactor*c.DownscaleFactor, c.Channels[0])
	}
	for i, l := range c.levels() {
		at, b, width, k := p.At("body.%d", i), &t2iBlock{t2iLevel: l}, l.out, 1
		if light {
			width, k = l.out/lightShare, 3
			b.outConv = at.Conv1x1("out_conv", width, l.out)
		}
		if light || l.in != l.out {
			b.inConv = at.Conv1x1("in_conv", l.in, width)
		}
		for j := range c.ResBlocks {
			r := at.At("resnets.%d", j)
			b.blocks = append(b.blocks, [2]*nn.Conv2D{r.Conv3x3("block1", width, width), r.Conv("block2", width, width, k, 1, op.Same(k/2))})
		}
		t.levels = append(t.levels, b)
	}
	return nil
}

// forward maps an image [N C H W] to the features [N C h w].
func (t *T2IAdapter) forward(g *nn.Graph, image *G.Node) (features []*G.Node) {
	x := g.Unshuffle(image, t.Config.DownscaleFactor)
	if t.convIn != nil {
		x = t.convIn.Forward(g, x)
	}
	for _, b := range t.levels {
		x = b.forward(g, x)
		features = append(features, g.ChannelsFirst(x))
	}
	return features
}

func (b *t2iBlock) forward(g *nn.Graph, x *G.Node) *G.Node {
	if b.halves {
		x = g.AveragePool(x)
	}
	if b.inConv != nil {
		x = b.inConv.Forward(g, x)
	}
	for _, r := range b.blocks {
		h := g.Activate(r[0].Forward(g, x), kernel.ReLU)
		x = g.Add(r[1].Forward(g, h), x)
	}
	if b.outConv != nil {
		x = b.outConv.Forward(g, x)
	}
	return x
}

// Close waits for calls in flight and gives the memory back. Calls that begin later return
// an error that wraps diffusion.ErrClosed. Any number of Closes may run at once.
func (t *T2IAdapter) Close() error {
	if t.loaded() != nil {
		return nil
	}
	return t.model.Close()
}

// Fingerprint is a short text that tells adapters apart by their weights and precision, of
// which it reads a sample. It is empty for one that is closed, or whose weights cannot be
// read any more.
func (t *T2IAdapter) Fingerprint() string {
	if t.loaded() != nil {
		return ""
	}
	return t.model.Fingerprint()
}

// loaded wants an adapter that a constructor made.
func (t *T2IAdapter) loaded() error {
	if t == nil || t.model == nil {
		return errors.New("unet: t2i adapter: have one that was not loaded, want one from LoadT2IAdapter")
	}
	return nil
}

// pictureKey names the plan for n images of h×w pixels.
type pictureKey struct{ n, h, w int }

// build makes the graph for images.
func (t *T2IAdapter) build(k pictureKey) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := t.model.Graph()
		image := g.Input(imageInput, k.n, t.Config.InChannels, k.h, k.w)
		return []*G.Node{image}, t.forward(g, image), g.Err()
	}
}

// shapes are those of the features, [N C h w].
func (t *T2IAdapter) shapes(k pictureKey) (shapes [][]int) {
	h, w := k.h/t.Config.DownscaleFactor, k.w/t.Config.DownscaleFactor
	for _, b := range t.levels {
		if b.halves {
			h, w = (h+1)/2, (w+1)/2
		}
		shapes = append(shapes, []int{k.n, b.out, h, w})
	}
	return shapes
}

// key wants images whose sides are multiples of the squares'.
func (t *T2IAdapter) key(n, h, w int) (pictureKey, error) {
	if f := t.Config.DownscaleFactor; h%f != 0 || w%f != 0 {
		return pictureKey{}, fmt.Errorf("unet: t2i adapter: image: have %d×%d pixels, want multiples of %d", w, h, f)
	}
	return pictureKey{n, h, w}, nil
}

// Predict returns the features of images [N C H W], with values from 0 to 1, C being
// Config.InChannels and the sides multiples of Config.DownscaleFactor. It returns ctx's
// error soon after ctx is done.
func (t *T2IAdapter) Predict(ctx context.Context, image *tensor.Dense) ([]*tensor.Dense, error) {
	if err := t.loaded(); err != nil {
		return nil, err
	}
	x, err := nn.Floats(imageInput, image, -1, t.Config.InChannels, -1, -1)
	if err != nil {
		return nil, fmt.Errorf("unet: t2i adapter: %w", err)
	}
	s := image.Shape()
	key, err := t.key(s[0], s[2], s[3])
	if err != nil {
		return nil, err
	}
	var features []*tensor.Dense
	var out [][]float32
	for _, shape := range t.shapes(key) {
		f := nn.Tensor(shape...)
		features, out = append(features, f), append(out, f.Float32s())
	}
	if err := t.model.Run(ctx, key, t.build(key), model.Inputs{imageInput: x}, out); err != nil {
		return nil, err
	}
	return features, nil
}

// Values returns the bytes of intermediate values for n images of h×w pixels.
func (t *T2IAdapter) Values(n, h, w int) (int64, error) {
	if err := t.loaded(); err != nil {
		return 0, err
	}
	if err := nn.CheckSize("unet: t2i adapter: image", n, t.Config.InChannels, h, w); err != nil {
		return 0, err
	}
	key, err := t.key(n, h, w)
	if err != nil {
		return 0, err
	}
	return t.model.Values(key, t.build(key))
}

// Features is how many features the adapter makes.
func (t *T2IAdapter) Features() int {
	if t.loaded() != nil {
		return 0
	}
	return len(t.levels)
}

// FeatureNumbers is how many numbers the features of one image of h×w pixels have
// together.
func (t *T2IAdapter) FeatureNumbers(h, w int) (n int64) {
	if t.loaded() != nil {
		return 0
	}
	for _, s := range t.shapes(pictureKey{1, max(h, 0), max(w, 0)}) {
		n += int64(s[1]) * int64(s[2]) * int64(s[3])
	}
	return n
}
