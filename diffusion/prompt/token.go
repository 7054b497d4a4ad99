package prompt

import (
	"iter"
	"strings"
)

// tokenKind is a kind of token for the reader of weights.
type tokenKind int

const (
	word tokenKind = iota // text, or a colon
	escaped
	openRound
	openSquare
	closeRound
	closeSquare
	closeWeight // :1.2)
)

type token struct {
	kind   tokenKind
	text   string // without the backslash of an escape
	weight float64
}

// tokens yields the tokens of attention with where each begins.
func tokens(text string) iter.Seq2[int, token] {
	return func(yield func(int, token) bool) {
		for at := 0; at < len(text); {
			t, n := next(text[at:])
			if !yield(at, t) {
				return
			}
			at += n
		}
	}
}

// next is the first token of a text, and its length there.
func next(s string) (token, int) {
	switch s[0] {
	case '\\':
		if len(s) > 1 && strings.IndexByte(`()[]\`, s[1]) >= 0 {
			return token{kind: escaped, text: s[1:2]}, 2
		}
		return token{kind: escaped}, 1
	case '(':
		return token{kind: openRound, text: s[:1]}, 1
	case '[':
		return token{kind: openSquare, text: s[:1]}, 1
	case ')':
		return token{kind: closeRound, text: s[:1]}, 1
	case ']':
		return token{kind: closeSquare, text: s[:1]}, 1
	case ':':
		if weight, n := weightToken(s); n > 0 {
			return token{kind: closeWeight, text: s[:n], weight: weight}, n
		}
		return token{text: s[:1]}, 1
	}
	n := strings.IndexAny(s, `\()[]:`)
	if n < 0 {
		n = len(s)
	}
	return token{text: s[:n]}, n
}

// weightToken reads ":1.2)" with white space around the number, and returns its length or 0.
func weightToken(s string) (weight float64, n int) {
	number := strings.TrimLeftFunc(s[1:], isSpace)
	end := len(number) - len(strings.TrimLeft(unsigned(number), "."+digits))
	rest := strings.TrimLeftFunc(number[end:], isSpace)
	if rest == "" || rest[0] != ')' {
		return 0, 0
	}
	weight, ok := finite(number[:end])
	if !ok {
		return 0, 0
	}
	return weight, len(s) - len(rest) + 1
}
