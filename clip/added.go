package clip

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is found in the text before words are looked for:
// the markers of start, end and padding, and what users add. Its fields are
// those of the files in a tokenizer folder.
type addedToken struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only between non-word runes
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // and after it
	Normalized bool   `json:"normalized"`  // found in the normalized text, not the raw
	id         int
}

// maxAddedToken bounds the length in bytes of an added token; the longest of
// published models have a few dozen.
const maxAddedToken = 1 << 10

// checkAdded wants the text of an added token to be of a sensible length.
func checkAdded(content string) error {
	if len(content) > maxAddedToken {
		return fmt.Errorf("added token %.80q: have %d bytes, want at most %d", content, len(content), maxAddedToken)
	}
	return nil
}

// addedTokens finds added tokens: at each place the longest one, from left to
// right. Raw tokens come first, and cut the text that is normalized.
type addedTokens struct {
	byID            map[int]addedToken
	ids             map[string]int
	raw, normalized *matcher
	several         map[int]string // the tokens <t>, as they are found, beside which there is a <t>_1
	vectors         map[int][]int  // all ids of those that stand for several by themselves
}

func newAddedTokens(byID map[int]addedToken, ids map[string]int, vectors map[int][]int) *addedTokens {
	a := &addedTokens{byID: byID, ids: ids, several: map[int]string{}, vectors: vectors}
	var raw, normalized []pattern
	for id, t := range byID {
		text := a.pattern(t)
		if t.Normalized {
			normalized = append(normalized, pattern{text: text, token: t})
		} else {
			raw = append(raw, pattern{text: text, token: t})
		}
		_, known := ids[text] // not with upper case: it is found in lower case
		_, whole := vectors[id]
		if _, ok := ids[vector(text, 1)]; known && ok && !whole {
			a.several[id] = text
		}
	}
	a.raw, a.normalized = newMatcher(raw), newMatcher(normalized)
	return a
}

// pattern is the text to look for. It is also what a token decodes to.
func (a *addedTokens) pattern(t addedToken) string {
	if t.Normalized {
		return normalize(nil, t.Content)
	}
	return t.Content
}

// split calls token for each added token of the text, and words for each piece
// of normalized text between them.
func (a *addedTokens) split(p *poll, text string, token func(id int), words func(text string)) {
	a.raw.split(p, text, token, func(piece string) {
		a.normalized.split(p, normalize(p, piece), token, words)
	})
}

func startsWithWord(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	return size > 0 && isWordRune(r)
}

func endsWithWord(text string) bool {
	r, size := utf8.DecodeLastRuneInString(text)
	return size > 0 && isWordRune(r)
}

// isWordRune is \w of the Unicode Technical Standard 18, annex C.
func isWordRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc,
		unicode.Other_Alphabetic, unicode.Join_Control, newLetters)
}
