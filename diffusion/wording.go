package diffusion

import (
	"context"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
)

// wording is what a condition of a run is said in: words, or embeddings in their place.
type wording struct {
	name  string        // of the words, for errors
	words string        // "" beside given
	other string        // words for the second text encoder, or "": the same
	skip  int           // last layers of the text encoder that are left out
	given *tensor.Dense // [1 T D] of the caller's, or nil
	field string        // of Options that given is from

	pooled *tensor.Dense // [1 D] of the caller's, or nil
}

// of returns the words for a text stage.
func (w *wording) of(stage int) string {
	if stage == 1 && w.other != "" {
		return w.other
	}
	return w.words
}

// wording returns that of a condition. As in diffusers, clip skip is for the prompt
// alone: the negative prompt goes through all layers. In the other programs it is for both.
func (o *Options) wording(c Condition, prompt string) wording {
	if c == Uncond {
		return wording{"negative prompt", o.NegativePrompt, o.NegativePrompt2, o.skip(c), o.NegativeCond, "NegativeCond", o.NegativePooledCond}
	}
	return wording{"prompt", prompt, o.Prompt2, o.skip(c), o.Cond, "Cond", o.PooledCond}
}

// skip is the clip skip of a condition's words.
func (o *Options) skip(c Condition) int {
	if c == Uncond && o.Syntax == SyntaxPlain {
		return 0
	}
	return o.ClipSkip
}

// checkWording wants words or embeddings, and not both.
func (o *Options) checkWording(prompt string) error {
	for _, c := range []Condition{Cond, Uncond} {
		if w := o.wording(c, prompt); w.given != nil && w.words+w.other != "" {
			return badOption(w.field, "have embeddings beside a %s, want one of the two", w.name)
		}
	}
	if o.Cond != nil && o.ClipSkip != 0 {
		return badOption("ClipSkip", "have %d, want 0: there are embeddings (Cond) in the prompt's place", o.ClipSkip)
	}
	return nil
}

// numbers returns the caller's embeddings, whose shape must be one that the U-Net reads.
func (p *Pipeline) numbers(w wording) ([]float32, error) {
	x, err := nn.Floats(words(w.field), w.given, 1, -1, p.textWidth())
	if err != nil {
		return nil, wrong(w.field, fmt.Errorf("diffusion: %w", err))
	}
	return x, nil
}

// lengthOf is how many tokens the U-Net reads for a wording.
func (p *Pipeline) lengthOf(w wording) (int, error) {
	if w.given == nil {
		return p.textLength(), nil
	}
	if _, err := p.numbers(w); err != nil {
		return 0, err
	}
	return w.given.Shape()[1], nil
}

// formsOf is the form of what the U-Net reads for each condition.
func (p *Pipeline) formsOf(o *Options, conditions []Condition, scripts map[spot]*script) (map[Condition][]form, error) {
	forms := map[Condition][]form{}
	for _, c := range conditions {
		if c != Cond && c != Uncond {
			continue
		}
		if s := scripts[spot{0, c}]; s != nil {
			forms[c] = s.forms(p.textLength())
			continue
		}
		n, err := p.lengthOf(o.wording(c, ""))
		if err != nil {
			return nil, err
		}
		forms[c] = []form{{tokens: n}}
	}
	return forms, nil
}

// worded says whether any condition is said in words, if only in a region or a box.
func (r *run) worded() bool {
	words := func(c Condition) bool {
		return r.wording(c, "").given == nil || slices.ContainsFunc(r.places, func(p *place) bool {
			w, ok := p.wording(c, &r.Options)
			return ok && w.given == nil
		})
	}
	return len(r.Boxes) > 0 || slices.ContainsFunc(r.conditions, words)
}

// embeddings returns a copy of the caller's.
func (r *run) embeddings(ctx context.Context, w wording) (*tensor.Dense, error) {
	x, err := r.numbers(w)
	if err != nil {
		return nil, err
	}
	t := 0
	for token := range slices.Chunk(x, r.textWidth()) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := checkFinite(fmt.Sprintf("%s: token %d", words(w.field), t), token); err != nil {
			return nil, wrong(w.field, fmt.Errorf("diffusion: %w", err))
		}
		t++
	}
	return engine.Tensor(slices.Clone(x), w.given.Shape()...), nil
}
