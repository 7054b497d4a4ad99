package clip

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// ImageEncoder is the image half of CLIP: a vision transformer (Dosovitskiy et al. 2021;
// Radford et al. 2021, section 2.4), transformers' CLIPVisionModel with its projection, if
// there is one.
//
//	pixels ─ patches ─┬─ + positions ─ norm ─ block × layers ─ tokens [N T D]
//	          class ──┘                               └ class token ─ norm (─ projection) ─ pooled [N D]
//
// It is safe for concurrent use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/2010.11929
// https://arxiv.org/abs/2103.00020
type ImageEncoder struct {
	// Config is the structure of the model. It must not be changed.
	Config VisionConfig

	model             *model.Model
	class, positions  *nn.Values // [1 D] and [1 T·D]
	patches           *nn.Conv2D
	normIn, normClass *nn.LayerNorm
	blocks            []*block
	projection        *nn.Linear // nil without one
}

// prefixes are what stands before the names of the vision model: what transformers writes
// for one with a projection, for one without since its version 5, and for one within
// diffusers' safety checker before.
var prefixes = []string{"vision_model", "", "vision_model.vision_model"}

const classEmbedding = "embeddings.class_embedding"

// define decodes the config and asks for the weights.
func (e *ImageEncoder) define(config []byte, p *nn.Params) (err error) {
	if e.Config, err = ParseVisionConfig(config); err != nil {
		return err
	}
	p.Limit(kernel.BFloat16)
	c := &e.Config
	i := slices.IndexFunc(prefixes, func(prefix string) bool { return p.At("%s", prefix).Has(classEmbedding) })
	at := p.At("%s", prefixes[max(i, 0)])
	d, tokens := c.HiddenSize, c.Tokens()
	e.class = at.Values(classEmbedding, []int{1, d}, d)
	e.patches = at.ConvNoBias("embeddings.patch_embedding", c.NumChannels, d, c.PatchSize, c.PatchSize, op.Padding{})
	e.positions = at.Values("embeddings.position_embedding.weight", []int{1, tokens * d}, tokens, d)
	e.normIn = at.LayerNorm("pre_layrnorm", d, c.LayerNormEps)
	layers := c.layers()
	for i := range c.NumHiddenLayers {
		e.blocks = append(e.blocks, newBlock(at.At("encoder.layers.%d", i), layers))
	}
	e.normClass = at.LayerNorm("post_layernorm", d, c.LayerNormEps)
	if c.projects() || p.Has("visual_projection.weight") {
		e.projection = p.LinearNoBias("visual_projection", d, c.ProjectionDim)
	}
	return nil
}

// Close waits for calls in flight and gives the memory back. Graphs made by Build
// give an error if they run after it.
// Calls that begin later return an error that wraps diffusion.ErrClosed. Any number of
// Closes may run at once.
func (e *ImageEncoder) Close() error {
	if e.ready() != nil {
		return nil
	}
	return e.model.Close()
}

// Projects says whether Pooled of the encoder's embeddings is projected.
func (e *ImageEncoder) Projects() bool { return e != nil && e.projection != nil }

// ready wants an image encoder that was loaded.
func (e *ImageEncoder) ready() error {
	if e == nil || e.model == nil {
		return fmt.Errorf("clip: have an image encoder that was not loaded, want one from LoadImageEncoder")
	}
	return nil
}

func (e *ImageEncoder) pooledDim() int {
	if e.projection != nil {
		return e.Config.ProjectionDim
	}
	return e.Config.HiddenSize
}

// forward maps pixels [N 3 S S], with zeros [1 N D], to the tokens [N T D] after all
// layers but the last skip, and to those after all.
func (e *ImageEncoder) forward(g *nn.Graph, pixels, zeros *G.Node, skip int) (tokens, last *G.Node) {
	n, d, t := g.Shape(pixels)[0], e.Config.HiddenSize, e.Config.Tokens()
	class := g.Reshape(g.AddPerChannel(zeros, e.class.Forward(g)), n, d)
	x := g.Reshape(e.patches.Forward(g, g.ChannelsLast(pixels)), n, (t-1)*d)
	x = g.Reshape(g.Concat(class, x), 1, n, t*d)
	x = g.Reshape(g.AddPerChannel(x, e.positions.Forward(g)), n, t, d)
	x = e.normIn.Forward(g, x)
	tokens = x
	for i, b := range e.blocks {
		x = b.attend(g, x, b.all)
		if i < len(e.blocks)-skip {
			tokens = x
		}
	}
	return tokens, x
}

// pooled picks the class token from the last layer's tokens [N T D] by zeros [N],
// normalises it, and projects it if the model has a projection.
func (e *ImageEncoder) pooled(g *nn.Graph, tokens, zeros *G.Node) *G.Node {
	x := e.normClass.Forward(g, g.Gather(tokens, zeros))
	if e.projection != nil {
		x = e.projection.Forward(g, x)
	}
	return x
}
