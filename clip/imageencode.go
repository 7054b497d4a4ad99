package clip

import (
	"context"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/diffusion/plan"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// ImageEmbeddings are what an image encoder makes of images.
type ImageEmbeddings struct {
	// Tokens [N T D], T being VisionConfig.Tokens, is the output of the last layer, or of an
	// earlier one with skip, without a normalisation: the class token's and then that of
	// each patch, row by row.
	Tokens *tensor.Dense
	// Pooled [N D] is the last layer's class token, normalised, and projected if the model
	// has a projection (image_embeds).
	Pooled *tensor.Dense
}

// imageShape is the key of a plan.
type imageShape struct{ n, skip int }

// Encode maps pixels [N 3 S S], S being VisionConfig.ImageSize, to embeddings. Pixels are as
// CLIPImageProcessor gives them, of unit variance or so (see diffusion.ImageProcessor). Skip
// is how many of the last layers Tokens leave out, 0 to all but one: 1 gives what
// transformers calls hidden_states[-2]. It returns ctx's error soon after ctx is done.
func (e *ImageEncoder) Encode(ctx context.Context, pixels *tensor.Dense, skip int) (*ImageEmbeddings, error) {
	if err := e.checkSkip(skip); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, fmt.Errorf("clip: have a nil context, want one")
	}
	size := e.Config.ImageSize
	x, err := nn.Floats("clip: pixels", pixels, -1, e.Config.NumChannels, size, size)
	if err != nil {
		return nil, err
	}
	s := imageShape{pixels.Shape()[0], skip}
	out := &ImageEmbeddings{Tokens: nn.Tensor(s.n, e.Config.Tokens(), e.Config.HiddenSize), Pooled: nn.Tensor(s.n, e.pooledDim())}
	in := model.Inputs{pixelsInput: x, classInput: make([]float32, s.n*e.Config.HiddenSize), rowsInput: make([]float32, s.n)}
	if err := e.model.Run(ctx, s, e.build(s), in, [][]float32{out.Tokens.Float32s(), out.Pooled.Float32s()}); err != nil {
		return nil, err
	}
	return out, nil
}

// The names of a plan's inputs.
const (
	pixelsInput = "pixels"
	classInput  = "class"
	rowsInput   = "rows"
)

func (e *ImageEncoder) checkSkip(skip int) error {
	if err := e.ready(); err != nil {
		return err
	}
	if skip < 0 || skip >= len(e.blocks) {
		return fmt.Errorf("clip: skip: have %d layers, want 0 to %d for a model of %d", skip, len(e.blocks)-1, len(e.blocks))
	}
	return nil
}

// build makes the graph for a shape.
func (e *ImageEncoder) build(s imageShape) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := e.model.Graph()
		size := e.Config.ImageSize
		pixels := g.Input(pixelsInput, s.n, e.Config.NumChannels, size, size)
		class, rows := g.Input(classInput, 1, s.n, e.Config.HiddenSize), g.Input(rowsInput, s.n)
		tokens, last := e.forward(g, pixels, class, s.skip)
		return []*G.Node{pixels, class, rows}, []*G.Node{tokens, e.pooled(g, last, rows)}, g.Err()
	}
}

// shape wants an encoder that was loaded, and sizes that it can take.
func (e *ImageEncoder) shape(n, skip int) (imageShape, error) {
	if err := e.checkSkip(skip); err != nil {
		return imageShape{}, err
	}
	if n < 1 {
		return imageShape{}, fmt.Errorf("clip: have %d images, want 1 or more", n)
	}
	return imageShape{n, skip}, nn.CheckSize("clip: images", n, e.Config.Tokens(), max(e.Config.HiddenSize, e.Config.NumChannels*e.Config.PatchSize*e.Config.PatchSize))
}

// Check reports as an error that encoding n images would not fit in the memory allowed.
func (e *ImageEncoder) Check(n, skip int) error {
	s, err := e.shape(n, skip)
	if err != nil {
		return err
	}
	return e.model.Check(s, e.build(s), 0, fmt.Sprintf("the embedding of %d images", n))
}

// Plan tells how n images are encoded.
func (e *ImageEncoder) Plan(n int) (*plan.Part, error) {
	s, err := e.shape(n, 0)
	if err != nil {
		return nil, err
	}
	return e.model.Plan(s, e.build(s))
}

// Values returns the bytes of intermediate values of encoding n images.
func (e *ImageEncoder) Values(n, skip int) (int64, error) {
	s, err := e.shape(n, skip)
	if err != nil {
		return 0, err
	}
	return e.model.Values(s, e.build(s))
}

// Build adds the image encoder to the graph g. It maps pixels [N 3 S S] to tokens [N T D]
// and the embedding of each whole image [N D], as Encode does.
func (e *ImageEncoder) Build(g *G.ExprGraph, pixels *G.Node, skip int) (tokens, pooled *G.Node, err error) {
	if err := e.checkSkip(skip); err != nil {
		return nil, nil, err
	}
	size := e.Config.ImageSize
	if err := nn.CheckNode(g, "clip: pixels", pixels, -1, e.Config.NumChannels, size, size); err != nil {
		return nil, nil, err
	}
	b, n := nn.NewGraph(g), pixels.Shape()[0]
	tokens, last := e.forward(b, pixels, b.Zeros(1, n, e.Config.HiddenSize), skip)
	pooled = e.pooled(b, last, b.Zeros(n))
	if err := b.Err(); err != nil {
		return nil, nil, fmt.Errorf("clip: %w", err)
	}
	return tokens, pooled, nil
}

// WeightNodes returns the nodes of the image encoder's weights in a graph that Build added
// to, by the checkpoint's keys. Their values are the model's own, which all graphs
// share; diffusion.Trainable gives a node numbers that may change. The table of positions
// has the shape [1 T·D] there, and the class token [1 D].
func (e *ImageEncoder) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	if e.ready() != nil || g == nil {
		return nil
	}
	return e.model.WeightNodes(g)
}
