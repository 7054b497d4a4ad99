package diffusion

import (
	"context"
	"slices"
	"time"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
)

// encodeText fills said.
func (r *run) encodeText(ctx context.Context) error {
	begin := time.Now()
	r.said = map[Condition][]phrase{}
	if r.textless() {
		r.sayClasses()
		return nil
	}
	cut := map[Condition][2]string{}
	if len(r.Embeddings) > 0 {
		r.note("embeddings", r.embeddingBytes())
	}
	for _, c := range r.textConditions() {
		w := r.wording(c, r.prompt)
		var err error
		if r.said[c], cut[c], err = r.say(ctx, c, w, nil); err != nil {
			return err
		}
	}
	if err := r.encodeRegions(ctx); err != nil {
		return err
	}
	for _, o := range r.others {
		r.said[o.name] = o.of(r.said[o.words])
	}
	r.result.Truncated, r.result.TruncatedNegative = cut[Cond][0], cut[Uncond][0]
	r.result.Truncated2, r.result.TruncatedNegative2 = cut[Cond][1], cut[Uncond][1]
	r.result.Timings.TextEncoder = time.Since(begin)
	return nil
}

// textEmbedding is what a wording becomes for the U-Net.
type textEmbedding struct {
	tokens *tensor.Dense // [1 T D]
	pooled []float32     // [D], of Stable Diffusion XL
	cut    [2]string     // what of the words, and of those for the second encoder, did not fit
	own    int           // tokens of the words; behind them is filled
}

// embed returns the embeddings of a wording, or zeros in their place.
func (r *run) embed(ctx context.Context, w wording, zeros bool) (e textEmbedding, err error) {
	switch {
	case w.given != nil:
		return r.given(ctx, w)
	case zeros:
		tokens := r.textLength()
		e.tokens = engine.Tensor(make([]float32, tokens*r.textWidth()), 1, tokens, r.textWidth())
		if r.xl() {
			e.pooled = make([]float32, r.pooledWidth())
		}
		return e, nil
	}
	var parts []*tensor.Dense
	var ids []int64
	for i, s := range r.textStages() {
		text, err := s.tokens(ctx, w.name, w.of(i))
		if err != nil {
			return e, err
		}
		if i == 0 || w.other != "" {
			e.cut[i] = text.TruncatedText
		}
		for _, id := range text.IDs {
			ids = append(ids, int64(id))
		}
		part, err := r.encodeOnce(ctx, s, text, w.skip)
		if err != nil {
			return e, err
		}
		parts = append(parts, engine.Tensor(part.tokens, 1, len(text.IDs), s.encoder.Config.HiddenSize))
		e.pooled = part.pooled
	}
	r.note(w.name, ids)
	e.tokens = sideBySide(parts)
	return e, nil
}

// given returns copies of the caller's embeddings.
func (r *run) given(ctx context.Context, w wording) (e textEmbedding, err error) {
	if e.tokens, err = r.embeddings(ctx, w); err != nil {
		return e, err
	}
	r.note(words(w.field), e.tokens.Float32s())
	if w.pooled != nil {
		e.pooled = slices.Clone(w.pooled.Float32s())
	}
	return e, nil
}
