package prompt

import (
	"iter"
	"slices"
	"strings"
)

// MaxSteps is the most steps that At and Schedule count.
const MaxSteps = 100_000

// Condition is what one part of a prompt says at a step.
type Condition struct {
	Text   string  // without edits and alternations, with the brackets of attention
	Pieces []Piece // the text with its weights
	Weight float64 // of the part
}

// At returns what the prompt says at a step of 1 to steps, part by part. Step and steps out of
// 1 to MaxSteps are taken as the next number in it, and step as at most steps.
//
// WebUI asks with the number of steps already taken, so that 0 and 1 say the same.
func (p *Prompt) At(step, steps int) []Condition {
	if p == nil {
		return nil
	}
	var all []Condition
	for _, part := range p.Parts {
		text := part.Text(step, steps)
		c := Condition{Text: text, Weight: part.Weight}
		switch p.Dialect {
		case ComfyUI:
			c.Pieces = weighComfy(part.Nodes)
		default:
			c.Pieces = weigh(text)
		}
		all = append(all, c)
	}
	return all
}

// Text returns a part's text at a step, as At does.
func (p Part) Text(step, steps int) string {
	step, steps = within(step, steps)
	var b strings.Builder
	resolveAll(&b, p.Nodes, step, steps)
	return b.String()
}

// Schedule yields the texts of a part in order, each with the last step that has it, as WebUI
// lists them. Texts that follow one another may be the same. Steps are as At has them.
func (p Part) Schedule(steps int) iter.Seq2[int, string] {
	_, steps = within(1, steps)
	return func(yield func(int, string) bool) {
		ends, each := []int{steps}, false
		changesAll(p.Nodes, func(w When) {
			if end := w.Step(steps); end >= 1 {
				ends = append(ends, end)
			}
		}, func() { each = true })
		if each {
			for step := 1; step <= steps; step++ {
				if !yield(step, p.Text(step, steps)) {
					return
				}
			}
			return
		}
		slices.Sort(ends)
		for _, end := range slices.Compact(ends) {
			if !yield(end, p.Text(end, steps)) {
				return
			}
		}
	}
}

func within(step, steps int) (int, int) {
	steps = min(max(steps, 1), MaxSteps)
	return min(max(step, 1), steps), steps
}

func resolveAll(b *strings.Builder, nodes []Node, step, steps int) {
	for _, n := range nodes {
		if n != nil {
			n.resolve(b, step, steps)
		}
	}
}

func (t Text) resolve(b *strings.Builder, _, _ int) { b.WriteString(string(t)) }

func (e Emphasis) resolve(b *strings.Builder, step, steps int) {
	e.wrap(b, func(nodes []Node) { resolveAll(b, nodes, step, steps) })
}

func (e Edit) resolve(b *strings.Builder, step, steps int) {
	if step <= e.When.Step(steps) {
		resolveAll(b, e.From, step, steps)
		return
	}
	resolveAll(b, e.To, step, steps)
}

func (a Alternation) resolve(b *strings.Builder, step, steps int) {
	if len(a.Items) > 0 {
		resolveAll(b, a.Items[(step-1)%len(a.Items)], step, steps)
	}
}

// changesAll calls at with the moment of each edit and each for each alternation.
func changesAll(nodes []Node, at func(When), each func()) {
	for _, n := range nodes {
		if n != nil {
			n.changes(at, each)
		}
	}
}

func (t Text) changes(func(When), func()) {}

func (e Emphasis) changes(at func(When), each func()) {
	changesAll(e.Body, at, each)
	changesAll(e.Weight, at, each)
}

func (e Edit) changes(at func(When), each func()) {
	at(e.When)
	changesAll(e.From, at, each)
	changesAll(e.To, at, each)
}

func (a Alternation) changes(at func(When), each func()) {
	each()
	for _, item := range a.Items {
		changesAll(item, at, each)
	}
}
