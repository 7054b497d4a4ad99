package clip

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// Build adds the text encoder to the graph g. It maps ids [N T], whole numbers as
// float32, to tokens [N T D], as Encode does.
func (e *TextEncoder) Build(g *G.ExprGraph, ids *G.Node, clipSkip int) (*G.Node, error) {
	if err := e.checkNodes(g, ids, clipSkip); err != nil {
		return nil, err
	}
	b := nn.NewGraph(g)
	x, _ := e.embed(b, ids, false)
	out, _ := e.hidden(b, x, clipSkip)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return out, nil
}

// BuildPooled is Build that adds the embedding of the whole text too: pooled [N D], as
// Encode gives it, of the tokens at ends [N], which are those of End.
func (e *TextEncoder) BuildPooled(g *G.ExprGraph, ids, ends *G.Node, clipSkip int) (tokens, pooled *G.Node, err error) {
	if err := e.checkNodes(g, ids, clipSkip); err != nil {
		return nil, nil, err
	}
	if err := nn.CheckNode(g, "clip: ends", ends, ids.Shape()[0]); err != nil {
		return nil, nil, err
	}
	b := nn.NewGraph(g)
	x, _ := e.embed(b, ids, false)
	tokens, last := e.hidden(b, x, clipSkip)
	pooled = e.pooled(b, last, ends)
	if err := b.Err(); err != nil {
		return nil, nil, fmt.Errorf("clip: %w", err)
	}
	return tokens, pooled, nil
}

// checkNodes wants an encoder that was loaded, and ids that it can take.
func (e *TextEncoder) checkNodes(g *G.ExprGraph, ids *G.Node, clipSkip int) error {
	if err := e.checkSkip(clipSkip); err != nil {
		return err
	}
	if err := nn.CheckNode(g, "clip: ids", ids, -1, -1); err != nil {
		return err
	}
	if have := ids.Shape()[1]; have > e.Config.MaxPositions {
		return fmt.Errorf("clip: have %d tokens, want at most %d", have, e.Config.MaxPositions)
	}
	return nil
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

// hidden maps embeddings [N T D] to the tokens [N T D] after all layers but the last skip,
// as finish gives them, and to the normalised ones after all layers.
func (e *TextEncoder) hidden(g *nn.Graph, x *G.Node, skip int) (tokens, last *G.Node) {
	split := len(e.blocks) - skip
	for _, b := range e.blocks[:split] {
		x = b.forward(g, x)
	}
	tokens = e.finish(g, x)
	if skip == 0 && !e.raw {
		return tokens, tokens
	}
	for _, b := range e.blocks[split:] {
		x = b.forward(g, x)
	}
	return tokens, e.norm.Forward(g, x)
}

// finish normalises tokens [N T D], or leaves them.
func (e *TextEncoder) finish(g *nn.Graph, x *G.Node) *G.Node {
	if e.raw {
		return x
	}
	return e.norm.Forward(g, x)
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

// build makes the graph for a shape.
func (e *TextEncoder) build(s shape) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := e.model.Graph()
		ids, rows := g.Input("ids", s.n, s.tokens), g.Input("rows", s.n)
		x, more := e.embed(g, ids, s.newTokens)
		tokens, last := e.hidden(g, x, s.skip)
		return append([]*G.Node{ids, rows}, more...), []*G.Node{tokens, e.pooled(g, last, rows)}, g.Err()
	}
}
