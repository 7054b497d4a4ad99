package diffusion

import (
	"context"
	"time"

	"gorgonia.org/tensor"
)

// encodeText fills prompts.
func (r *run) encodeText(ctx context.Context) error {
	begin := time.Now()
	r.prompts = map[Condition]*tensor.Dense{}
	cut := map[Condition]string{}
	for _, c := range r.conditions {
		var err error
		if r.prompts[c], cut[c], err = r.embed(ctx, r.wording(c, r.prompt)); err != nil {
			return err
		}
	}
	r.result.Truncated, r.result.TruncatedNegative = cut[Cond], cut[Uncond]
	r.result.Timings.TextEncoder = time.Since(begin)
	return nil
}

// embed returns the embedding [1 T D] of a wording, and what of the words did not fit.
func (r *run) embed(ctx context.Context, w wording) (x *tensor.Dense, cut string, err error) {
	if w.given != nil {
		if x, err = r.embeddings(ctx, w); err == nil {
			r.note(words(w.field), x.Float32s())
		}
		return x, "", err
	}
	var parts []*tensor.Dense
	var ids []int64
	for i, s := range r.textStages() {
		text, err := s.tokens(ctx, w.name, w.words)
		if err != nil {
			return nil, "", err
		}
		if i == 0 {
			cut = text.TruncatedText
		}
		for _, id := range text.IDs {
			ids = append(ids, int64(id))
		}
		part, err := s.encode(r.in(ctx), text, w.skip)
		if err != nil {
			return nil, "", err
		}
		parts = append(parts, part)
	}
	r.note(w.name, ids)
	return sideBySide(parts), cut, nil
}
