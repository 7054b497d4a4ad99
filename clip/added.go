package clip

import (
	"cmp"
	"slices"
	"strings"
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

// addedTokens finds added tokens: at each place the longest one, from left to
// right. Raw tokens come first, and cut the text that is normalized.
type addedTokens struct {
	byID            map[int]addedToken
	ids             map[string]int
	raw, normalized matcher
}

func newAddedTokens(byID map[int]addedToken, ids map[string]int) *addedTokens {
	a := &addedTokens{byID: byID, ids: ids, raw: matcher{}, normalized: matcher{}}
	for _, t := range byID {
		if t.Normalized {
			a.normalized.add(a.pattern(t), t)
		} else {
			a.raw.add(a.pattern(t), t)
		}
	}
	a.raw.sort()
	a.normalized.sort()
	return a
}

// pattern is the text to look for. It is also what a token decodes to.
func (a *addedTokens) pattern(t addedToken) string {
	if t.Normalized {
		return normalize(t.Content)
	}
	return t.Content
}

// split calls token for each added token of the text, and words for each piece
// of normalized text between them.
func (a *addedTokens) split(text string, token func(id int), words func(text string)) {
	a.raw.split(text, token, func(piece string) {
		a.normalized.split(normalize(piece), token, words)
	})
}

// matcher holds patterns by their first byte, the longest first.
type matcher map[byte][]pattern

type pattern struct {
	text  string
	token addedToken
}

func (m matcher) add(text string, t addedToken) {
	if text != "" {
		m[text[0]] = append(m[text[0]], pattern{text, t})
	}
}

func (m matcher) sort() {
	for _, patterns := range m {
		slices.SortFunc(patterns, func(a, b pattern) int {
			return cmp.Or(len(b.text)-len(a.text), cmp.Compare(a.token.id, b.token.id))
		})
	}
}

func (m matcher) split(text string, token func(id int), piece func(text string)) {
	done := 0 // text before it was reported
	for i := 0; i < len(text); {
		p, ok := m.match(text[i:])
		if !ok {
			i++
			continue
		}
		start, end := i, i+len(p.text)
		i = end
		t := p.token
		if t.SingleWord && (endsWithWord(text[:start]) || startsWithWord(text[end:])) || start < done {
			continue
		}
		if t.LStrip {
			start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if t.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		if done < start {
			piece(text[done:start])
		}
		token(t.id)
		done = end
	}
	if done < len(text) {
		piece(text[done:])
	}
}

func (m matcher) match(text string) (pattern, bool) {
	for _, p := range m[text[0]] {
		if strings.HasPrefix(text, p.text) {
			return p, true
		}
	}
	return pattern{}, false
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
