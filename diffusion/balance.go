package diffusion

import (
	"math"
	"slices"

	prompts "sdgo/diffusion/prompt"
)

// conditionsFor returns those that a call with a prompt and such guidance may need: those of the
// guidance, and the negative prompt if what AND joins needs it, see [guide.join].
func (p *Pipeline) conditionsFor(o *Options, text string, g Guider) []Condition {
	conditions := p.conditionsOf(g, o)
	if p.distilled() || slices.Contains(conditions, Uncond) || o.unbalanced(text) == "" {
		return conditions
	}
	return append([]Condition{Uncond}, conditions...)
}

// unbalanced is the name of a prompt in which AND joins parts whose weights are not 1 together,
// or "".
func (o *Options) unbalanced(text string) string {
	if o.Syntax != SyntaxWebUI {
		return ""
	}
	for _, w := range o.wordings(text, []Condition{Cond}) {
		p, err := prompts.Parse(w.words, prompts.A1111)
		if err != nil { // which [Pipeline.readScripts] says
			continue
		}
		sum := 0.0
		for _, part := range p.Parts {
			sum += part.Weight
		}
		if math.Abs(sum-1) >= tinyWeight {
			return w.name
		}
	}
	return ""
}
