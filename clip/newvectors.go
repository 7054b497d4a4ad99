package clip

import (
	"fmt"
	"maps"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// WithTokens returns a text encoder that knows further tokens by their ids, each with the
// vector [D] that takes the place of a row of the table of token embeddings: those of a
// textual inversion (Gal et al. 2022). It shares the weights with e, which stays as it
// is; Closing one closes both. The vectors must not change. An id may be that of a row
// of the table, too. Graphs of Build do not know the tokens.
//
// https://arxiv.org/abs/2208.01618
func (e *TextEncoder) WithTokens(vectors map[int][]float32) (*TextEncoder, error) {
	if err := e.ready(); err != nil {
		return nil, err
	}
	more := *e
	more.vectors = maps.Clone(e.vectors)
	if more.vectors == nil {
		more.vectors = make(map[int][]float32)
	}
	for id, v := range vectors {
		switch {
		case id < 0 || id > maxTokenID:
			return nil, fmt.Errorf("clip: new token: have the id %d, want 0 to %d", id, maxTokenID)
		case len(v) != e.Config.HiddenSize:
			return nil, fmt.Errorf("clip: new token %d: have a vector of %d numbers, want %d", id, len(v), e.Config.HiddenSize)
		}
		more.vectors[id] = v
		more.Config.VocabSize = max(more.Config.VocabSize, id+1)
	}
	return &more, nil
}

// knows says whether there is an embedding of a token.
func (e *TextEncoder) knows(id int) bool {
	if id < 0 {
		return false
	}
	_, ok := e.vectors[id]
	return ok || id < e.rows
}

// anyNew says whether any token of some texts has a vector of its own.
func (e *TextEncoder) anyNew(texts ...[]int) bool {
	for _, ids := range texts {
		for _, id := range ids {
			if _, ok := e.vectors[id]; ok {
				return true
			}
		}
	}
	return false
}

// embed maps ids [N T] to the embeddings of tokens and positions [N T D]. With newTokens
// the graph has three more inputs: vectors [N T D], which of them take the place of the
// table's [N·T], and the numbers of the positions [N T].
func (e *TextEncoder) embed(g *nn.Graph, ids *G.Node, newTokens bool) (x *G.Node, more []*G.Node) {
	if !newTokens {
		return g.Mark("embeddings", e.tokens.Forward(g, ids, e.positions)), nil
	}
	s := ids.Shape()
	n, tokens, d := s[0], s[1], e.Config.HiddenSize
	vectors, which, positions := g.Input("vectors", n, tokens, d), g.Input("which", n*tokens), g.Input("token positions", n, tokens)
	both := g.Reshape(g.Concat(e.tokens.Forward(g, ids, nil), vectors), n*tokens, 2, d)
	x = g.Reshape(g.Gather(both, which), n, tokens, d)
	return g.Add(x, e.positions.Forward(g, positions, nil)), []*G.Node{vectors, which, positions}
}

// inputs adds those of embed for texts.
func (e *TextEncoder) inputs(in model.Inputs, newTokens bool, texts ...[]int) {
	if !newTokens {
		in["ids"] = nil
		for _, ids := range texts {
			in["ids"] = append(in["ids"], numbers(ids)...)
		}
		return
	}
	d := e.Config.HiddenSize
	var ids, vectors, which, positions []float32
	for _, text := range texts {
		for t, id := range text {
			v, ok := e.vectors[id]
			if ok {
				ids, which, vectors = append(ids, 0), append(which, 1), append(vectors, v...)
			} else {
				ids, which, vectors = append(ids, float32(id)), append(which, 0), append(vectors, make([]float32, d)...)
			}
			positions = append(positions, float32(t))
		}
	}
	in["ids"], in["vectors"], in["which"], in["token positions"] = ids, vectors, which, positions
}
