package diffusion

import (
	"context"
	"time"

	"gorgonia.org/tensor"
)

// encodeText fills prompts. As in diffusers, clip skip is for the prompt
// alone: the negative prompt goes through all layers.
func (r *run) encodeText(ctx context.Context, prompt string) error {
	begin := time.Now()
	cond, cut, err := r.embed(ctx, "prompt", prompt, r.ClipSkip)
	if err != nil {
		return err
	}
	r.prompts, r.result.Truncated = map[Condition]*tensor.Dense{Cond: cond}, cut
	if r.guided() {
		uncond, cut, err := r.embed(ctx, "negative prompt", r.NegativePrompt, 0)
		if err != nil {
			return err
		}
		r.prompts[Uncond], r.result.TruncatedNegative = uncond, cut
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
