package diffusion

import (
	"context"
	"slices"
	"time"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
)

// encodeText fills cond and both. As in diffusers, clip skip is for the prompt
// alone: the negative prompt goes through all layers.
func (r *run) encodeText(ctx context.Context, prompt string) (err error) {
	begin := time.Now()
	if r.cond, r.result.Truncated, err = r.embed(ctx, "prompt", prompt, r.ClipSkip); err != nil {
		return err
	}
	if r.guided() {
		var uncond *tensor.Dense
		if uncond, r.result.TruncatedNegative, err = r.embed(ctx, "negative prompt", r.NegativePrompt, 0); err != nil {
			return err
		}
		shape := r.cond.Shape()
		r.both = engine.Tensor(slices.Concat(uncond.Float32s(), r.cond.Float32s()), 2, shape[1], shape[2])
	}
	r.result.Timings.TextEncoder = time.Since(begin)
	return nil
}

// embed returns the embedding [1 T D] of a text, and what of it did not fit. What
// names the text.
func (r *run) embed(ctx context.Context, what, words string, skip int) (x *tensor.Dense, cut string, err error) {
	var parts []*tensor.Dense
	var ids []int64
	for i, s := range r.textStages() {
		text, err := s.tokens(ctx, what, words)
		if err != nil {
			return nil, "", err
		}
		if i == 0 {
			cut = text.TruncatedText
		}
		for _, id := range text.IDs {
			ids = append(ids, int64(id))
		}
		part, err := s.encode(r.in(ctx), text, skip)
		if err != nil {
			return nil, "", err
		}
		parts = append(parts, part)
	}
	r.note(what, ids)
	return sideBySide(parts), cut, nil
}
