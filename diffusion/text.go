package diffusion

import (
	"context"
	"fmt"
	"time"

	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/engine"
)

// encodeText fills prompts. As in diffusers, clip skip is for the prompt
// alone: the negative prompt goes through all layers.
func (r *run) encodeText(ctx context.Context, prompt string) error {
	begin := time.Now()
	positive, err := r.tokens(ctx, "prompt", prompt)
	if err != nil {
		return err
	}
	r.result.Truncated = positive.TruncatedText
	r.note("prompt", []byte(fmt.Sprint(positive.IDs)))
	cond, err := r.encode(ctx, positive, r.ClipSkip)
	if err != nil {
		return err
	}
	tokens, width := len(positive.IDs), r.TextEncoder.Config.HiddenSize
	r.prompts = map[Condition]*tensor.Dense{Cond: engine.Tensor(cond, 1, tokens, width)}
	if r.guided() {
		negative, err := r.tokens(ctx, "negative prompt", r.NegativePrompt)
		if err != nil {
			return err
		}
		r.result.TruncatedNegative = negative.TruncatedText
		r.note("negative prompt", []byte(fmt.Sprint(negative.IDs)))
		uncond, err := r.encode(ctx, negative, 0)
		if err != nil {
			return err
		}
		r.prompts[Uncond] = engine.Tensor(uncond, 1, tokens, width)
	}
	r.result.Timings.TextEncoder = time.Since(begin)
	return nil
}

// tokens returns the ids of a prompt, in which the tokens of textual inversions stand
// for all their vectors. What names the prompt.
func (r *run) tokens(ctx context.Context, what, prompt string) (e clip.Encoding, err error) {
	if prompt, err = r.Tokenizer.Expand(ctx, prompt); err == nil {
		e, err = r.Tokenizer.EncodeContext(ctx, prompt)
	}
	if err != nil {
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		return e, fmt.Errorf("diffusion: %s: %w", what, err)
	}
	for _, id := range e.IDs {
		if size := r.TextEncoder.Config.VocabSize; id >= size {
			token, _ := r.Tokenizer.Token(id)
			return e, fmt.Errorf("diffusion: %s: have token %.80q with id %d, which the text encoder does not know: it has embeddings of %d tokens (vocab_size)", what, token, id, size)
		}
	}
	return e, nil
}

// encode returns the embedding [77 D] of one text.
func (r *run) encode(ctx context.Context, text clip.Encoding, skip int) ([]float32, error) {
	var e *clip.Embeddings
	var err error
	if r.TextEncoder.Config.UseAttentionMask {
		e, err = r.TextEncoder.EncodeMasked(r.in(ctx), [][]int{text.IDs}, [][]int{text.Mask}, skip)
	} else {
		e, err = r.TextEncoder.Encode(r.in(ctx), [][]int{text.IDs}, skip)
	}
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	x := e.Tokens.Float32s()
	if err := checkFinite("text encoder", x); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return x, nil
}
