package prompt

import "strings"

// parseComfy reads ComfyUI's grammar: text, and brackets from the first that opens to that which
// closes it. One that is never closed is a group if the text ends in a bracket. The text is
// at byte at of the prompt, in depth brackets.
func parseComfy(text string, at, depth int) (nodes []Node, err error) {
	item, level := 0, 0 // where the item begins, and how many brackets are open
	take := func(end int) {
		if err == nil && end > item {
			var n Node
			n, err = comfyNode(text[item:end], at+item, depth)
			nodes = append(nodes, n)
		}
		item = end
	}
	for i := range len(text) {
		if i > 0 && text[i-1] == '\\' {
			continue
		}
		switch text[i] {
		case '(':
			if level == 0 {
				take(i)
			}
			level++
		case ')':
			if level--; level == 0 {
				take(i + 1)
			}
		}
	}
	take(len(text))
	return nodes, err
}

func comfyNode(s string, at, depth int) (Node, error) {
	if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' || s[len(s)-2] == '\\' {
		return Text(s), nil
	}
	if depth == MaxDepth {
		return nil, tooDeep(at)
	}
	body, weight := comfyWeight(s[1 : len(s)-1])
	nodes, err := parseComfy(body, at+1, depth+1)
	e := Emphasis{Body: nodes}
	if body != s[1:len(s)-1] {
		e.Weight = []Node{Text(weight)}
	}
	return e, err
}

// comfyWeight splits what stands in brackets at its last colon, if a number follows.
func comfyWeight(s string) (body, weight string) {
	if i := strings.LastIndexByte(s, ':'); i > 0 {
		if _, ok := finite(strings.TrimFunc(s[i+1:], isSpace)); ok {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// weighComfy returns ComfyUI's pieces.
func weighComfy(nodes []Node) []Piece {
	if pieces := weighNodes(nil, nodes, 1); len(pieces) > 0 {
		return pieces
	}
	return []Piece{{"", 1}}
}

// weighNodes appends ComfyUI's pieces. A weight that is written replaces those around it.
func weighNodes(pieces []Piece, nodes []Node, weight float64) []Piece {
	for _, n := range nodes {
		switch n := n.(type) {
		case Text:
			text := strings.NewReplacer(`\(`, "(", `\)`, ")").Replace(string(n))
			pieces = append(pieces, Piece{text, weight})
		case Emphasis:
			inner := weight * emphasis
			if len(n.Weight) == 1 {
				if t, ok := n.Weight[0].(Text); ok {
					if w, ok := finite(strings.TrimFunc(string(t), isSpace)); ok {
						inner = w
					}
				}
			}
			pieces = weighNodes(pieces, n.Body, inner)
		}
	}
	return pieces
}
