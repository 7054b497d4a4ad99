package prompt

import "fmt"

// Dialect is a way of writing prompts.
type Dialect int

const (
	A1111   Dialect = iota // AUTOMATIC1111's WebUI
	ComfyUI                // ComfyUI's text encoder nodes
)

// String returns the dialect's name.
func (d Dialect) String() string {
	switch d {
	case A1111:
		return "A1111"
	case ComfyUI:
		return "ComfyUI"
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

// MaxDepth is how many brackets of a kind may be open at a time.
const MaxDepth = 100

// Parse reads a prompt. Any text is one, in which what does not fit the grammar is text: an
// error tells of an unknown dialect, or of brackets deeper than MaxDepth.
func Parse(text string, d Dialect) (*Prompt, error) {
	if err := check(text, d); err != nil {
		return nil, err
	}
	p := &Prompt{Dialect: d}
	if d == ComfyUI {
		nodes, err := parseComfy(text, 0, 0)
		if err != nil {
			return nil, err
		}
		p.Parts = []Part{{Nodes: nodes, Weight: 1}}
		return p, nil
	}
	for _, part := range splitAnd(text) {
		bare, weight := splitWeight(part)
		p.Parts = append(p.Parts, Part{Nodes: parseEdits(bare), Weight: weight})
	}
	return p, nil
}

// ParseWhole is Parse for a prompt that is one part, in which AND is a word like others and
// a number after the last colon is text: what WebUI's negative prompts are.
func ParseWhole(text string, d Dialect) (*Prompt, error) {
	if d != A1111 {
		return Parse(text, d)
	}
	if err := check(text, d); err != nil {
		return nil, err
	}
	return &Prompt{Parts: []Part{{Nodes: parseEdits(text), Weight: 1}}}, nil
}

// check refuses dialects that are none and, for A1111, brackets that are too deep: those
// open to the reader of weights, in a text or in what any step makes of it.
func check(text string, d Dialect) error {
	switch d {
	case ComfyUI:
		return nil
	case A1111:
	default:
		return fmt.Errorf("prompt: %v is no dialect: want A1111 or ComfyUI", d)
	}
	var open [2]int
	for at, token := range tokens(text) {
		switch token.kind {
		case openRound, openSquare:
			kind := int(token.kind - openRound)
			if open[kind]++; open[kind] > MaxDepth {
				return tooDeep(at)
			}
		case closeRound, closeWeight:
			open[0] = max(open[0]-1, 0)
		case closeSquare:
			open[1] = max(open[1]-1, 0)
		}
	}
	return nil
}

func tooDeep(at int) error {
	return fmt.Errorf("prompt: more than %d brackets are open at byte %d", MaxDepth, at)
}
