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
	if p.distilled() || slices.Contains(conditions, Uncond) || o.balanced(text) {
		return conditions
	}
	return append([]Condition{Uncond}, conditions...)
}

// balanced says whether the parts that AND joins in each prompt have weights that are 1 together.
func (o *Options) balanced(text string) bool {
	if o.Syntax != SyntaxWebUI {
		return true
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
			return false
		}
	}
	return true
}
