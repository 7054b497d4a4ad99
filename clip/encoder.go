package clip

import (
	"context"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// TextEncoder is the text half of CLIP (Radford et al. 2021, section 2.4): a
// transformer with a causal mask, transformers' CLIPTextModel.
//
//	ids ─ token + position embedding ─ block × layers ─ norm ─ tokens [N T D]
//	                                                     └ token at EOS (─ projection) ─ pooled [N D]
//
// It is safe for concurrent use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/2103.00020
type TextEncoder struct {
	// Config is the structure of the model. It must not be changed.
	Config Config

	model             *model.Model
	tokens, positions *nn.Embedding
	blocks            []*block
	norm              *nn.LayerNorm
	projection        *nn.Linear // nil without one
	alone             bool       // not a part of a pipeline, which needs no projection
}

// block is one layer of the transformer.
//
//	x ─┬─ norm1 ─ attention ─ + ─┬─ norm2 ─ fc1 ─ GELU ─ fc2 ─ + ─
//	   └──────────────────────┘  └─────────────────────────────┘
type block struct {
	path         string
	norm1, norm2 *nn.LayerNorm
	q, k, v, out *nn.Linear
	fc1, fc2     *nn.Linear
	causal, all  *nn.Attention // over the tokens up to each, and over all
	act          kernel.Activation
}

// define decodes the config and asks for the weights. Transformers 5 writes them
// without the prefix text_model.
func (e *TextEncoder) define(config []byte, p *nn.Params) (err error) {
	if e.Config, err = ParseConfig(config); err != nil {
		return err
	}
	p.Limit(kernel.BFloat16)
	c := &e.Config
	at := p
	if p.Has("text_model.embeddings.token_embedding.weight") || !p.Has("embeddings.token_embedding.weight") {
		at = p.At("text_model")
	}
	e.tokens = at.Embedding("embeddings.token_embedding", c.VocabSize, c.HiddenSize)
	e.positions = at.Embedding("embeddings.position_embedding", c.MaxPositions, c.HiddenSize)
	for i := range c.NumHiddenLayers {
		e.blocks = append(e.blocks, newBlock(at.At("encoder.layers.%d", i), c))
	}
	e.norm = at.LayerNorm("final_layer_norm", c.HiddenSize, c.LayerNormEps)
	if e.alone && c.projects() {
		e.projection = p.LinearNoBias("text_projection", c.HiddenSize, c.ProjectionDim)
	}
	return nil
}

func newBlock(p *nn.Params, c *Config) *block {
	d := c.HiddenSize
	return &block{
		path:   p.Path(),
		norm1:  p.LayerNorm("layer_norm1", d, c.LayerNormEps),
		q:      p.Linear("self_attn.q_proj", d, d),
		k:      p.Linear("self_attn.k_proj", d, d),
		v:      p.Linear("self_attn.v_proj", d, d),
		out:    p.Linear("self_attn.out_proj", d, d),
		norm2:  p.LayerNorm("layer_norm2", d, c.LayerNormEps),
		fc1:    p.Linear("mlp.fc1", d, c.IntermediateSize),
		fc2:    p.Linear("mlp.fc2", c.IntermediateSize, d),
		causal: p.Attention(c.NumHeads, true), all: p.Attention(c.NumHeads, false),
		act: activations[c.HiddenAct],
	}
}

// forward maps x [N T D] to [N T D].
func (b *block) forward(g *nn.Graph, x *G.Node) *G.Node {
	h := b.norm1.Forward(g, x)
	h = b.causal.Forward(g, b.q.Forward(g, h), b.k.Forward(g, h), b.v.Forward(g, h))
	return b.finish(g, x, h)
}

// finish adds to x [N T D] what attention h has given, and what follows.
func (b *block) finish(g *nn.Graph, x, h *G.Node) *G.Node {
	x = g.Add(x, b.out.Forward(g, h))
	h = g.Activate(b.fc1.Forward(g, b.norm2.Forward(g, x)), b.act)
	return g.Mark(b.path, g.Add(x, b.fc2.Forward(g, h)))
}

// Memory is the account of what the model and those that share it take: in a pipeline
// that was loaded as one, all of them.
func (e *TextEncoder) Memory() *engine.Memory {
	if e.ready() != nil {
		return nil
	}
	return e.model.Memory()
}

// Close waits for calls in flight and gives the memory back. Graphs made by Build
// give an error if they run after it.
// Calls that begin later return an error that wraps diffusion.ErrClosed. Any number of
// Closes may run at once.
func (e *TextEncoder) Close() error {
	if e.ready() != nil {
		return nil
	}
	return e.model.Close()
}

// ready wants a text encoder that was loaded.
func (e *TextEncoder) ready() error {
	if e == nil || e.model == nil {
		return fmt.Errorf("clip: have a text encoder that was not loaded, want one from LoadTextEncoder")
	}
	return nil
}

// Build adds the text encoder to the graph g. It maps ids [N T], whole numbers as
// float32, to tokens [N T D], as Encode does.
func (e *TextEncoder) Build(g *G.ExprGraph, ids *G.Node, clipSkip int) (*G.Node, error) {
	if err := e.checkSkip(clipSkip); err != nil {
		return nil, err
	}
	if err := nn.CheckNode(g, "clip: ids", ids, -1, -1); err != nil {
		return nil, err
	}
	if have := ids.Shape()[1]; have > e.Config.MaxPositions {
		return nil, fmt.Errorf("clip: have %d tokens, want at most %d", have, e.Config.MaxPositions)
	}
	b := nn.NewGraph(g)
	out, _ := e.hidden(b, ids, clipSkip)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return out, nil
}

// WeightNodes returns the nodes of the text encoder's weights in a graph that Build added to,
// by the checkpoint's keys. Their values are the model's own, which all graphs
// share; diffusion.Trainable gives a node numbers that may change.
func (e *TextEncoder) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	if e.ready() != nil || g == nil {
		return nil
	}
	return e.model.WeightNodes(g)
}

// hidden maps ids [N T] to the normalised tokens [N T D] after all layers but the
// last skip, and to those after all layers.
func (e *TextEncoder) hidden(g *nn.Graph, ids *G.Node, skip int) (tokens, last *G.Node) {
	x := g.Mark("embeddings", e.tokens.Forward(g, ids, e.positions))
	split := len(e.blocks) - skip
	for _, b := range e.blocks[:split] {
		x = b.forward(g, x)
	}
	tokens = e.norm.Forward(g, x)
	if skip == 0 {
		return tokens, tokens
	}
	for _, b := range e.blocks[split:] {
		x = b.forward(g, x)
	}
	return tokens, e.norm.Forward(g, x)
}

// pooled picks from the last layer's tokens [N T D] those at rows [N], and
// projects them if the model has a projection.
func (e *TextEncoder) pooled(g *nn.Graph, tokens, rows *G.Node) *G.Node {
	x := g.Gather(tokens, rows)
	if e.projection != nil {
		x = e.projection.Forward(g, x)
	}
	return x
}

func (e *TextEncoder) checkSkip(skip int) error {
	if err := e.ready(); err != nil {
		return err
	}
	if skip < 0 || skip >= len(e.blocks) {
		return fmt.Errorf("clip: clip skip: have %d, want 0 to %d for a model of %d layers", skip, len(e.blocks)-1, len(e.blocks))
	}
	return nil
}

// Embeddings are what a text encoder makes of texts.
type Embeddings struct {
	// Tokens [N T D] is the output of the last layer, or of an earlier one with
	// clip skip, after the final normalisation.
	Tokens *tensor.Dense
	// Pooled [N D] is the last layer's token at the end of the text (pooler_output).
	// For a CLIPTextModelWithProjection that was not loaded by a pipeline it is
	// projected (text_embeds).
	Pooled *tensor.Dense
}

// shape is the key of a plan.
type shape struct{ n, tokens, skip int }

// Encode maps the token ids of N texts, of the same length T each, to embeddings.
// Clip skip counts as diffusers does: 0 is the last layer, 1 the one before. It
// returns ctx's error soon after ctx is done.
func (e *TextEncoder) Encode(ctx context.Context, ids [][]int, clipSkip int) (*Embeddings, error) {
	if err := e.checkInput(ctx, ids, clipSkip); err != nil {
		return nil, err
	}
	s := shape{n: len(ids), tokens: len(ids[0]), skip: clipSkip}
	input := make([]float32, 0, s.n*s.tokens)
	rows := make([]float32, s.n)
	for i, text := range ids {
		input = append(input, numbers(text)...)
		rows[i] = float32(e.end(text))
	}
	out := e.embeddings(s.n, s.tokens)
	err := e.model.Run(ctx, s, e.build(s), model.Inputs{"ids": input, "rows": rows}, [][]float32{out.Tokens.Float32s(), out.Pooled.Float32s()})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkInput wants what Encode takes.
func (e *TextEncoder) checkInput(ctx context.Context, ids [][]int, clipSkip int) error {
	if err := e.checkSkip(clipSkip); err != nil {
		return err
	}
	if ctx == nil {
		return fmt.Errorf("clip: have a nil context, want one")
	}
	if len(ids) == 0 || len(ids[0]) == 0 {
		return fmt.Errorf("clip: have no tokens to encode")
	}
	tokens := len(ids[0])
	if tokens > e.Config.MaxPositions {
		return fmt.Errorf("clip: have %d tokens, want at most %d", tokens, e.Config.MaxPositions)
	}
	for i, text := range ids {
		if len(text) != tokens {
			return fmt.Errorf("clip: have %d tokens in text %d, want %d as in text 0", len(text), i, tokens)
		}
		for _, id := range text {
			if id < 0 || id >= e.Config.VocabSize {
				return fmt.Errorf("clip: have token %d in text %d, want 0 to %d", id, i, e.Config.VocabSize-1)
			}
		}
	}
	return nil
}

// embeddings returns room for what n texts become.
func (e *TextEncoder) embeddings(n, tokens int) *Embeddings {
	return &Embeddings{Tokens: nn.Tensor(n, tokens, e.Config.HiddenSize), Pooled: nn.Tensor(n, e.pooledDim())}
}

// numbers are ids as a graph takes them.
func numbers(ids []int) []float32 {
	out := make([]float32, len(ids))
	for i, id := range ids {
		out[i] = float32(id)
	}
	return out
}

// Plan tells how n texts of a number of tokens are encoded.
func (e *TextEncoder) Plan(n, tokens int) (*model.Plan, error) {
	if err := e.checkSize(n, tokens); err != nil {
		return nil, err
	}
	s := shape{n: n, tokens: tokens}
	return e.model.Plan(s, e.build(s))
}

// checkSize wants an encoder that was loaded, and sizes that it can take.
func (e *TextEncoder) checkSize(n, tokens int) error {
	if err := e.ready(); err != nil {
		return err
	}
	if n < 1 || tokens < 1 || tokens > e.Config.MaxPositions {
		return fmt.Errorf("clip: have %d texts of %d tokens, want 1 or more of at most %d", n, tokens, e.Config.MaxPositions)
	}
	return nn.CheckSize("clip: texts", n, tokens, e.Config.HiddenSize)
}

// Values returns the bytes of intermediate values of encoding n texts of a number of
// tokens with clip skip.
func (e *TextEncoder) Values(n, tokens, clipSkip int) (int64, error) {
	if err := e.checkSize(n, tokens); err != nil {
		return 0, err
	}
	if err := e.checkSkip(clipSkip); err != nil {
		return 0, err
	}
	s := shape{n: n, tokens: tokens, skip: clipSkip}
	return e.model.Values(s, e.build(s))
}

// end returns the position of the token that stands for the whole text. Configs
// from before transformers 4.31 say eos_token_id 2, which is not the tokenizer's:
// there it is the largest id; else the first end-of-text token, or 0.
func (e *TextEncoder) end(ids []int) int {
	want := e.Config.EOSTokenID
	if want == 2 {
		want = slices.Max(ids)
	}
	return max(slices.Index(ids, want), 0)
}

func (e *TextEncoder) pooledDim() int {
	if e.projection != nil {
		return e.Config.ProjectionDim
	}
	return e.Config.HiddenSize
}

// build makes the graph for a shape.
func (e *TextEncoder) build(s shape) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		ids, rows := g.Input("ids", s.n, s.tokens), g.Input("rows", s.n)
		tokens, last := e.hidden(g, ids, s.skip)
		return []*G.Node{ids, rows}, []*G.Node{tokens, e.pooled(g, last, rows)}, g.Err()
	}
}
