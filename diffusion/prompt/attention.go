package prompt

import "strings"

// Piece is text with the weight of attention to it.
type Piece struct {
	Text   string
	Weight float64
}

// Break says whether the piece is the word BREAK of the dialect A1111, after which text
// begins another chunk of tokens. It has the weight -1; in brackets it is a word like
// others, as in WebUI.
func (p Piece) Break() bool { return p.Text == "BREAK" && p.Weight == -1 }

const emphasis = 1.1

// Weigh returns the pieces of a text in which nothing changes over the steps: in the dialect
// A1111 edits, alternations and AND are text here. There is at least one piece. Those of A1111
// that follow one another have different weights. Errors are those of Parse.
func Weigh(text string, d Dialect) ([]Piece, error) {
	if err := check(text, d); err != nil {
		return nil, err
	}
	if d == A1111 {
		return weigh(text), nil
	}
	nodes, err := parseComfy(text, 0, 0)
	if err != nil {
		return nil, err
	}
	return weighComfy(nodes), nil
}

// weigh reads A1111's attention. A bracket weighs what stands between it and its end, and
// round and square ones know nothing of each other. Weights multiply from the inside out.
func weigh(text string) []Piece {
	var pieces []Piece
	var round, square []int // where the open brackets are in pieces
	scale := func(open *[]int, by float64) {
		last := len(*open) - 1
		for i := (*open)[last]; i < len(pieces); i++ {
			pieces[i].Weight *= by
		}
		*open = (*open)[:last]
	}
	for _, t := range tokens(text) {
		switch {
		case t.kind == escaped:
			pieces = append(pieces, Piece{t.text, 1})
		case t.kind == openRound:
			round = append(round, len(pieces))
		case t.kind == openSquare:
			square = append(square, len(pieces))
		case t.kind == closeWeight && len(round) > 0:
			scale(&round, t.weight)
		case t.kind == closeRound && len(round) > 0:
			scale(&round, emphasis)
		case t.kind == closeSquare && len(square) > 0:
			scale(&square, 1/emphasis)
		default:
			pieces = appendBreaks(pieces, t.text)
		}
	}
	for len(round) > 0 {
		scale(&round, emphasis)
	}
	for len(square) > 0 {
		scale(&square, 1/emphasis)
	}
	return merge(pieces)
}

// appendBreaks appends a text, with a piece for each BREAK in it. White space beside BREAK goes.
func appendBreaks(pieces []Piece, text string) []Piece {
	parts := splitWord(text, "BREAK")
	for i, part := range parts {
		if i > 0 {
			pieces = append(pieces, Piece{"BREAK", -1})
			part = strings.TrimLeftFunc(part, isSpace)
		}
		if i < len(parts)-1 {
			part = strings.TrimRightFunc(part, isSpace)
		}
		pieces = append(pieces, Piece{part, 1})
	}
	return pieces
}

// merge makes one piece of those that follow one another with the same weight.
func merge(pieces []Piece) []Piece {
	if len(pieces) == 0 {
		return []Piece{{"", 1}}
	}
	var merged []Piece
	for len(pieces) > 0 {
		var b strings.Builder
		n, weight := 0, pieces[0].Weight
		for n == 0 || n < len(pieces) && pieces[n].Weight == weight {
			b.WriteString(pieces[n].Text)
			n++
		}
		merged = append(merged, Piece{b.String(), weight})
		pieces = pieces[n:]
	}
	return merged
}
