package prompt

import "strings"

// editParser reads edits, alternations and the brackets around them. Groups are those whose
// brackets match with nothing between them that is out of place: a bracket that fits no
// other, or a colon or bar too many, is text, and so are all brackets open around it.
type editParser struct {
	text  string
	done  list    // outside all brackets
	stack []group // the open ones
	bad   bool    // all is to be one Text
}

// group is what stands after an open bracket: lists with separators between them.
type group struct {
	at         int // of the bracket
	lists      []list
	separators []int // where : and | are
	bars       int
}

// list is nodes, and spans of the text that are to become a Text.
type list []element

type element struct {
	node     Node // nil in a span
	from, to int
}

// parseEdits reads one part of a prompt. A bar out of place, or a backslash before nothing
// or a newline, makes all of it one Text.
func parseEdits(text string) []Node {
	p := &editParser{text: text}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i+1 == len(text) || text[i+1] == '\n' {
				return []Node{Text(text)}
			}
			p.add(element{from: i, to: i + 2})
			i++
		case '(', '[':
			p.stack = append(p.stack, group{at: i, lists: []list{nil}})
		case ':', '|':
			p.separate(i)
		case ')', ']':
			p.close(i)
		default:
			p.add(element{from: i, to: i + 1})
		}
		if p.bad {
			return []Node{Text(text)}
		}
	}
	if p.flatten(); p.bad {
		return []Node{Text(text)}
	}
	return p.nodes(p.done)
}

// add puts an element at the end of the innermost list.
func (p *editParser) add(e element) {
	l := &p.done
	if n := len(p.stack); n > 0 {
		lists := p.stack[n-1].lists
		l = &lists[len(lists)-1]
	}
	l.add(e)
}

// add makes one span of two that touch.
func (l *list) add(e element) {
	if n := len(*l); n > 0 && e.node == nil && (*l)[n-1].node == nil && (*l)[n-1].to == e.from {
		(*l)[n-1].to = e.to
		return
	}
	*l = append(*l, e)
}

func (p *editParser) separate(i int) {
	n := len(p.stack)
	bar := p.text[i] == '|'
	switch {
	case n == 0 && !bar:
		p.add(element{from: i, to: i + 1})
	case n == 0 || bar && p.text[p.stack[n-1].at] == '(':
		p.bad = true
	default:
		g := &p.stack[n-1]
		g.lists = append(g.lists, nil)
		g.separators = append(g.separators, i)
		if bar {
			g.bars++
		}
	}
}

// close ends the innermost group, if the bracket at i and what it holds fit.
func (p *editParser) close(i int) {
	if n := len(p.stack); n > 0 && (p.text[p.stack[n-1].at] == '(') == (p.text[i] == ')') {
		if node := p.node(p.stack[n-1]); node != nil {
			from := p.stack[n-1].at
			p.stack = p.stack[:n-1]
			p.add(element{node: node, from: from, to: i + 1})
			return
		}
	}
	p.flatten()
	p.add(element{from: i, to: i + 1})
}

// node makes a node of a group, or nil where its separators do not fit.
func (p *editParser) node(g group) Node {
	square, colons := p.text[g.at] == '[', len(g.separators)-g.bars
	switch {
	case len(g.separators) == 0:
		return Emphasis{Square: square, Body: p.nodes(g.lists[0])}
	case !square && colons == 1:
		weight := p.nodes(g.lists[1])
		if weight == nil {
			weight = []Node{}
		}
		return Emphasis{Body: p.nodes(g.lists[0]), Weight: weight}
	case square && colons == 0:
		a := Alternation{}
		for _, l := range g.lists {
			a.Items = append(a.Items, p.nodes(l))
		}
		return a
	case square && g.bars == 0 && colons <= 2:
		when, ok := p.when(g.lists[colons])
		if !ok {
			return nil
		}
		e := Edit{To: p.nodes(g.lists[colons-1]), When: when}
		if colons == 2 {
			e.From = p.nodes(g.lists[0])
		}
		return e
	}
	return nil
}

// when reads the last list of an edit.
func (p *editParser) when(l list) (When, bool) {
	if len(l) != 1 || l[0].node != nil {
		return "", false
	}
	number := strings.TrimFunc(p.text[l[0].from:l[0].to], isSpace)
	return When(number), isNumber(number)
}

// flatten makes text of all open brackets and of the separators in them. What was in
// a list goes outside all brackets and never moves again.
func (p *editParser) flatten() {
	stack := p.stack
	p.stack = nil
	for _, g := range stack {
		if g.bars > 0 {
			p.bad = true
			return
		}
		p.done.add(element{from: g.at, to: g.at + 1})
		for i, l := range g.lists {
			if i > 0 {
				p.done.add(element{from: g.separators[i-1], to: g.separators[i-1] + 1})
			}
			for _, e := range l {
				p.done.add(e)
			}
		}
	}
}

func (p *editParser) nodes(l list) (nodes []Node) {
	for _, e := range l {
		if e.node == nil {
			e.node = Text(p.text[e.from:e.to])
		}
		nodes = append(nodes, e.node)
	}
	return nodes
}
