package clip

import (
	"fmt"

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
// With clip skip the tokens come from an earlier layer, still through norm.
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
	projection        *nn.Linear        // nil without one
	alone             bool              // not a part of a pipeline, which mostly needs no projection
	projected         bool              // there must be one
	raw               bool              // the tokens are not normalised
	rows              int               // of the table of tokens
	vectors           map[int][]float32 // of tokens beside it; nil: none
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
	e.rows = c.VocabSize
	e.tokens = at.Embedding("embeddings.token_embedding", c.VocabSize, c.HiddenSize)
	e.positions = at.Embedding("embeddings.position_embedding", c.MaxPositions, c.HiddenSize)
	for i := range c.NumHiddenLayers {
		e.blocks = append(e.blocks, newBlock(at.At("encoder.layers.%d", i), c))
	}
	e.norm = at.LayerNorm("final_layer_norm", c.HiddenSize, c.LayerNormEps)
	if e.projected && !c.projects() {
		return fmt.Errorf("clip: config: architectures: have %.80q, want CLIPTextModelWithProjection", c.Architectures)
	}
	if (e.alone || e.projected) && c.projects() {
		e.projection = p.LinearNoBias("text_projection", c.HiddenSize, c.ProjectionDim)
	}
	return nil
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

// WithoutNorm returns a text encoder that leaves the final normalisation of the tokens
// out, and shares the weights with e. SDXL takes both its encoders' tokens so, with clip
// skip 1 (Podell et al. 2024, section 2.1); the embedding of the whole text is the same.
// Closing one closes both.
//
// https://arxiv.org/abs/2307.01952
func (e *TextEncoder) WithoutNorm() (*TextEncoder, error) {
	if err := e.ready(); err != nil {
		return nil, err
	}
	raw := *e
	raw.raw = true
	return &raw, nil
}

// ready wants a text encoder that was loaded.
func (e *TextEncoder) ready() error {
	if e == nil || e.model == nil {
		return fmt.Errorf("clip: have a text encoder that was not loaded, want one from LoadTextEncoder")
	}
	return nil
}
