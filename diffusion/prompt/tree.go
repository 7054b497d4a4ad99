package prompt

import (
	"strconv"
	"strings"
)

// Prompt is a prompt as its grammar has it. That of Parse has at least one part, in the
// dialect ComfyUI exactly one.
type Prompt struct {
	Dialect Dialect
	Parts   []Part // what AND joins
}

// Part is one of the conditions of a prompt. In the dialect A1111 Weight is the number after
// its last colon, or 1.
type Part struct {
	Nodes  []Node
	Weight float64
}

// Node is a Text, an Emphasis, an Edit or an Alternation.
type Node interface {
	write(b *strings.Builder)
	resolve(b *strings.Builder, step, steps int)
	changes(at func(When), each func())
}

// Text is text as it is written, with its escapes and with brackets that fit no other.
type Text string

// Emphasis is what stands in brackets: (Body), (Body:Weight), or [Body] if Square. Weight
// is nil where there is no colon. In the dialect A1111 it may be any text, and is a weight if
// at a step it is a number.
type Emphasis struct {
	Square       bool
	Body, Weight []Node
}

// Edit is [From:To:When]: From up to a step, then To. Either may be empty.
type Edit struct {
	From, To []Node
	When     When
}

// Alternation is [Items|Items]: each of two or more for one step, by turns.
type Alternation struct {
	Items [][]Node
}

// String returns a prompt that Parse reads as p, if Parse made p. It is that which was
// parsed, but for white space before AND, weights of parts, and the last number of an edit.
func (p *Prompt) String() string {
	if p == nil {
		return ""
	}
	var b strings.Builder
	for i, part := range p.Parts {
		if i > 0 {
			b.WriteString(" AND")
		}
		text := part.source()
		b.WriteString(text)
		if p.Dialect != A1111 {
			continue
		}
		if bare, _ := splitWeight(text); part.Weight != 1 || bare != text {
			b.WriteString(" :" + strconv.FormatFloat(part.Weight, 'f', -1, 64))
		}
	}
	return b.String()
}

// source is the text of a part, without its weight.
func (p Part) source() string {
	var b strings.Builder
	writeAll(&b, p.Nodes)
	return b.String()
}

func writeAll(b *strings.Builder, nodes []Node) {
	for _, n := range nodes {
		if n != nil {
			n.write(b)
		}
	}
}

func (t Text) write(b *strings.Builder) { b.WriteString(string(t)) }

func (e Emphasis) write(b *strings.Builder) {
	e.wrap(b, func(nodes []Node) { writeAll(b, nodes) })
}

// wrap writes the brackets, and has inside write what they hold.
func (e Emphasis) wrap(b *strings.Builder, inside func([]Node)) {
	left, right := byte('('), byte(')')
	if e.Square {
		left, right = '[', ']'
	}
	b.WriteByte(left)
	inside(e.Body)
	if e.Weight != nil {
		b.WriteByte(':')
		inside(e.Weight)
	}
	b.WriteByte(right)
}

func (e Edit) write(b *strings.Builder) {
	b.WriteByte('[')
	if len(e.From) > 0 {
		writeAll(b, e.From)
		b.WriteByte(':')
	}
	writeAll(b, e.To)
	b.WriteString(":" + string(e.When) + "]")
}

func (a Alternation) write(b *strings.Builder) {
	b.WriteByte('[')
	for i, item := range a.Items {
		if i > 0 {
			b.WriteByte('|')
		}
		writeAll(b, item)
	}
	b.WriteByte(']')
}
