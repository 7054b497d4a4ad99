package clip

import (
	"context"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/diffusion/plan"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

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
	// clip skip, after the final normalisation unless the encoder is WithoutNorm.
	Tokens *tensor.Dense
	// Pooled [N D] is the last layer's token at the end of the text (pooler_output).
	// For a CLIPTextModelWithProjection that was loaded alone, or as the second text
	// encoder of Stable Diffusion XL, it is projected (text_embeds).
	Pooled *tensor.Dense
}

// shape is the key of a plan.
type shape struct {
	n, tokens, skip int
	raw             bool
	newTokens       bool // some have vectors of their own
}

// Encode maps the token ids of N texts, of the same length T each, to embeddings.
// Clip skip counts as diffusers does: 0 is the last layer, 1 the one before. It
// returns ctx's error soon after ctx is done.
func (e *TextEncoder) Encode(ctx context.Context, ids [][]int, clipSkip int) (*Embeddings, error) {
	if err := e.checkInput(ctx, ids, clipSkip); err != nil {
		return nil, err
	}
	lanes := e.model.Lanes(len(ids))
	s := shape{len(ids) / lanes, len(ids[0]), clipSkip, e.raw, e.anyNew(ids...)}
	out := e.embeddings(len(ids), s.tokens)
	inputs, outputs := make([]model.Inputs, lanes), make([][][]float32, lanes)
	for i := range lanes {
		texts := ids[i*s.n:][:s.n]
		rows := make([]float32, s.n)
		for j, text := range texts {
			rows[j] = float32(e.End(text))
		}
		inputs[i] = model.Inputs{"rows": rows}
		e.inputs(inputs[i], s.newTokens, texts...)
		outputs[i] = [][]float32{part(out.Tokens, i, lanes), part(out.Pooled, i, lanes)}
	}
	if err := e.model.RunLanes(ctx, s, e.build(s), inputs, outputs); err != nil {
		return nil, err
	}
	return out, nil
}

// part returns part i of n equal ones of a tensor's numbers.
func part(t *tensor.Dense, i, n int) []float32 {
	x := t.Float32s()
	return x[len(x)/n*i:][:len(x)/n]
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
			switch {
			case e.knows(id):
			case e.vectors != nil:
				return fmt.Errorf("clip: have token %d in text %d, want 0 to %d or one of WithTokens", id, i, e.rows-1)
			default:
				return fmt.Errorf("clip: have token %d in text %d, want 0 to %d", id, i, e.rows-1)
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
func (e *TextEncoder) Plan(n, tokens int) (*plan.Part, error) {
	if err := e.checkSize(n, tokens); err != nil {
		return nil, err
	}
	s := shape{n, tokens, 0, e.raw, e.vectors != nil}
	p, err := e.model.Plan(s, e.build(s))
	if err != nil {
		return nil, err
	}
	p.Values, err = e.Values(n, tokens, 0)
	return p, err
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
	lanes := e.model.Lanes(n)
	s := shape{n / lanes, tokens, clipSkip, e.raw, e.vectors != nil}
	one, err := e.model.Values(s, e.build(s))
	return int64(lanes) * one, err
}

// End returns the position of the token that stands for the whole text. Configs
// from before transformers 4.31 say eos_token_id 2, which is not the tokenizer's:
// there it is the largest id; else the first end-of-text token, or 0.
func (e *TextEncoder) End(ids []int) int {
	if e == nil || len(ids) == 0 {
		return 0
	}
	want := e.Config.EOSTokenID
	if want == 2 {
		want = slices.Max(ids)
	}
	return max(slices.Index(ids, want), 0)
}

// Projects says whether Pooled of the encoder's Embeddings is projected.
func (e *TextEncoder) Projects() bool { return e != nil && e.projection != nil }

func (e *TextEncoder) pooledDim() int {
	if e.projection != nil {
		return e.Config.ProjectionDim
	}
	return e.Config.HiddenSize
}
