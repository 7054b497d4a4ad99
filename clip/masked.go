package clip

import (
	"context"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// EncodeMasked is Encode with the padding hidden, as transformers' attention_mask
// does it: no token attends to one whose mask is 0. A mask [T] of ones and then
// zeros goes with each text. As the model is causal, padding alone changes by it:
// its tokens see the text and neither each other nor themselves.
func (e *TextEncoder) EncodeMasked(ctx context.Context, ids, mask [][]int, clipSkip int) (*Embeddings, error) {
	if err := e.checkInput(ctx, ids, clipSkip); err != nil {
		return nil, err
	}
	if len(mask) != len(ids) {
		return nil, fmt.Errorf("clip: have %d masks, want %d, one for each text", len(mask), len(ids))
	}
	out := e.embeddings(len(ids), len(ids[0]))
	size, pooled := out.Tokens.DataSize()/len(ids), e.pooledDim()
	for i, text := range ids {
		seen, err := prefix(mask[i], len(text))
		if err != nil {
			return nil, fmt.Errorf("clip: mask of text %d: %w", i, err)
		}
		tokens, end := out.Tokens.Float32s()[i*size:(i+1)*size], out.Pooled.Float32s()[i*pooled:(i+1)*pooled]
		if err := e.encodePadded(ctx, text, seen, clipSkip, tokens, end); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// prefix returns the number of ones that a mask of a length begins with, and wants
// zeros behind them.
func prefix(mask []int, length int) (ones int, err error) {
	if len(mask) != length {
		return 0, fmt.Errorf("have %d numbers, want %d, one for each token", len(mask), length)
	}
	for i, m := range mask {
		switch {
		case m == 1 && ones == i:
			ones++
		case m != 0:
			return 0, fmt.Errorf("have %d at %d after %d ones, want ones and then zeros", m, i, ones)
		}
	}
	if ones == 0 {
		return 0, fmt.Errorf("have zeros alone, want ones first")
	}
	return ones, nil
}

// padded is the key of a plan: a text, of whose tokens the first seen are no
// padding.
type padded struct {
	tokens, seen, skip int
	inPadding          bool // the end of the text is looked for there
	raw                bool
	newTokens          bool // some of the text have vectors of their own
}

// encodePadded writes the embeddings of one text.
func (e *TextEncoder) encodePadded(ctx context.Context, ids []int, seen, skip int, tokens, pooled []float32) error {
	end := e.End(ids)
	if seen == len(ids) {
		s := shape{1, len(ids), skip, e.raw, e.anyNew(ids)}
		in := model.Inputs{"rows": {float32(end)}}
		e.inputs(in, s.newTokens, ids)
		return e.model.Run(ctx, s, e.build(s), in, [][]float32{tokens, pooled})
	}
	if e.anyNew(ids[seen:]) {
		return fmt.Errorf("clip: have a token that is not of the table in the padding, want it in the text alone")
	}
	k := padded{len(ids), seen, skip, end >= seen, e.raw, e.anyNew(ids[:seen])}
	if k.inPadding {
		end -= seen
	}
	positions := make([]float32, len(ids)-seen)
	for i := range positions {
		positions[i] = float32(seen + i)
	}
	split := seen * e.Config.HiddenSize
	in := model.Inputs{"padding": numbers(ids[seen:]), "positions": positions, "rows": {float32(end)}}
	e.inputs(in, k.newTokens, ids[:seen])
	return e.model.Run(ctx, k, e.buildPadded(k), in,
		[][]float32{tokens[:split], tokens[split:], pooled})
}

// buildPadded makes the graph of a text and its padding, side by side.
func (e *TextEncoder) buildPadded(k padded) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := e.model.Graph()
		ids, padIDs := g.Input("ids", 1, k.seen), g.Input("padding", 1, k.tokens-k.seen)
		positions, row := g.Input("positions", 1, k.tokens-k.seen), g.Input("rows", 1)

		x, more := e.embed(g, ids, k.newTokens)
		pad := g.Add(e.tokens.Forward(g, padIDs, nil), e.positions.Forward(g, positions, nil))
		split := len(e.blocks) - k.skip
		for _, b := range e.blocks[:split] {
			x, pad = b.forwardPadded(g, x, pad)
		}
		outputs = []*G.Node{e.finish(g, x), e.finish(g, pad)}
		for _, b := range e.blocks[split:] {
			x, pad = b.forwardPadded(g, x, pad)
		}
		last := x
		if k.inPadding {
			last = pad
		}
		outputs = append(outputs, e.pooled(g, e.norm.Forward(g, last), row))
		return append([]*G.Node{ids, padIDs, positions, row}, more...), outputs, g.Err()
	}
}

// forwardPadded maps a text x [N T D] as forward does, and its padding pad [N P D],
// each token of which attends to the whole text.
func (b *block) forwardPadded(g *nn.Graph, x, pad *G.Node) (*G.Node, *G.Node) {
	h, hPad := b.norm1.Forward(g, x), b.norm1.Forward(g, pad)
	k, v := b.k.Forward(g, h), b.v.Forward(g, h)
	text := b.causal.Forward(g, b.q.Forward(g, h), k, v)
	padding := b.all.Forward(g, b.q.Forward(g, hPad), k, v)
	return b.finish(g, x, text), b.finish(g, pad, padding)
}
