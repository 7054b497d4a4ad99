package diffusion

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/engine"
)

// textStage is a text encoder and the tokenizer of what it reads. Of several the numbers
// of a token stand side by side, the first's before the second's, as in Stable Diffusion
// XL (Podell et al. 2024, section 2.1).
type textStage struct {
	tokenizer *clip.Tokenizer
	encoder   *clip.TextEncoder
	skip      int // last layers that every text leaves out
}

// textStages are those of the pipeline.
func (p *Pipeline) textStages() []textStage {
	if p.textless() || p.varies() {
		return nil
	}
	if !p.xl() {
		return []textStage{{p.Tokenizer, p.TextEncoder, 0}}
	}
	second := textStage{p.Tokenizer2, withoutNorm(p.TextEncoder2), 1}
	if p.refiner() {
		return []textStage{second}
	}
	return []textStage{{p.Tokenizer, withoutNorm(p.TextEncoder), 1}, second}
}

// withoutNorm is TextEncoder.WithoutNorm, of which the error is that of ready.
func withoutNorm(e *clip.TextEncoder) *clip.TextEncoder {
	if raw, err := e.WithoutNorm(); err == nil {
		return raw
	}
	return e
}

// textLength is how many tokens a text has, or an image in its place.
func (p *Pipeline) textLength() int {
	switch {
	case p.textless():
		return 0
	case p.varies():
		return 1
	}
	return p.textStages()[0].tokenizer.MaxLength
}

// textWidth is how many numbers a token has for the U-Net.
func (p *Pipeline) textWidth() (width int) {
	if p.varies() {
		return p.ImageEncoder.Config.ProjectionDim
	}
	for _, s := range p.textStages() {
		width += s.encoder.Config.HiddenSize
	}
	return width
}

// ready wants both parts, each from its constructor, and prompts of a length that the
// encoder reads.
func (s textStage) ready() error {
	switch {
	case s.tokenizer == nil || s.encoder == nil:
		return errors.New("diffusion: a part of the pipeline is nil")
	case s.tokenizer.Size() == 0 || s.encoder.Config.HiddenSize < 1:
		return errors.New("diffusion: a part of the pipeline was not loaded")
	}
	if have, most := s.tokenizer.MaxLength, s.encoder.Config.MaxPositions; have < 2 || have > most {
		return fmt.Errorf("diffusion: the tokenizer writes %d tokens (model_max_length), want 2 to %d, as many as the text encoder reads (max_position_embeddings)", have, most)
	}
	if layers := s.encoder.Config.NumHiddenLayers; layers <= s.skip {
		return fmt.Errorf("diffusion: the text encoder has %d layers (num_hidden_layers), want more than the %d that Stable Diffusion XL leaves out", layers, s.skip)
	}
	return nil
}

// values is the most bytes that the encoder takes while it runs, for the prompt and the
// negative prompt.
func (s textStage) values(clipSkip int) (most int64, err error) {
	for _, skip := range []int{clipSkip, 0} {
		n, err := s.encoder.Values(1, s.tokenizer.MaxLength, s.skip+skip)
		if err != nil {
			return 0, err
		}
		if s.encoder.Config.UseAttentionMask {
			n *= 2 // text and padding, side by side
		}
		most = max(most, n)
	}
	return most, nil
}

// tokens returns the ids of a prompt, in which the tokens of textual inversions stand
// for all their vectors. What names the prompt.
func (s textStage) tokens(ctx context.Context, what, prompt string) (e clip.Encoding, err error) {
	if prompt, err = s.tokenizer.Expand(ctx, prompt); err == nil {
		e, err = s.tokenizer.EncodeContext(ctx, prompt)
	}
	if err != nil {
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		return e, fmt.Errorf("diffusion: %s: %w", what, err)
	}
	if err := s.known(e.IDs); err != nil {
		return e, fmt.Errorf("diffusion: %s: %w", what, err)
	}
	return e, nil
}

// encode returns the embeddings of one text.
func (s textStage) encode(ctx context.Context, text clip.Encoding, skip int) (e *clip.Embeddings, err error) {
	skip += s.skip
	if s.encoder.Config.UseAttentionMask {
		e, err = s.encoder.EncodeMasked(ctx, [][]int{text.IDs}, [][]int{text.Mask}, skip)
	} else {
		e, err = s.encoder.Encode(ctx, [][]int{text.IDs}, skip)
	}
	if err == nil {
		err = checkFinite("text encoder", e.Tokens.Float32s())
	}
	if err == nil && s.skip > 0 {
		err = checkFinite("text encoder: pooled text", e.Pooled.Float32s())
	}
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return e, nil
}

// sideBySide joins embeddings [1 T D] of one text, whose tokens are as many.
func sideBySide(parts []*tensor.Dense) *tensor.Dense {
	if len(parts) == 1 {
		return parts[0]
	}
	tokens, width := parts[0].Shape()[1], 0
	for _, x := range parts {
		width += x.Shape()[2]
	}
	joined := make([]float32, 0, tokens*width)
	for t := range tokens {
		for _, x := range parts {
			d := x.Shape()[2]
			joined = append(joined, x.Float32s()[t*d:(t+1)*d]...)
		}
	}
	return engine.Tensor(joined, 1, tokens, width)
}
