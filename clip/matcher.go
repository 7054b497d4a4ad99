package clip

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode"
)

// matcher finds the longest of many patterns that begins a text, in a time that grows
// with the logarithm of their number.
type matcher struct {
	patterns []pattern  // sorted
	first    [257]int32 // those that begin with byte c are patterns[first[c]:first[c+1]]
}

// pattern is a text to look for and the token that it stands for.
type pattern struct {
	text    string
	token   addedToken
	shorter int32 // the longest other pattern that begins this one, -1 if none
}

// newMatcher takes patterns in any order. Of equal ones the lowest id counts; empty
// ones do not.
func newMatcher(patterns []pattern) *matcher {
	slices.SortFunc(patterns, func(a, b pattern) int {
		return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(a.token.id, b.token.id))
	})
	patterns = slices.CompactFunc(patterns, func(a, b pattern) bool { return a.text == b.text })
	if len(patterns) > 0 && patterns[0].text == "" {
		patterns = patterns[1:]
	}
	m := &matcher{patterns: patterns}
	for i := range patterns {
		p := &patterns[i]
		m.first[int(p.text[0])+1] = int32(i + 1)
		p.shorter = int32(i - 1) // what begins p begins all between the two
		for p.shorter >= 0 && !strings.HasPrefix(p.text, patterns[p.shorter].text) {
			p.shorter = patterns[p.shorter].shorter
		}
	}
	for c := range 256 {
		m.first[c+1] = max(m.first[c+1], m.first[c])
	}
	return m
}

// match returns the longest pattern that text, which is not empty, begins with. It is
// the last one in order that is no greater than the text, or begins that one.
func (m *matcher) match(text string) (*pattern, bool) {
	low, high := int(m.first[text[0]]), int(m.first[int(text[0])+1])
	if low == high {
		return nil, false
	}
	at := int32(low + sort.Search(high-low, func(i int) bool { return m.patterns[low+i].text > text }) - 1)
	if at < int32(low) {
		return nil, false
	}
	common := commonPrefix(m.patterns[at].text, text)
	for at >= 0 && len(m.patterns[at].text) > common {
		at = m.patterns[at].shorter
	}
	if at < 0 {
		return nil, false
	}
	return &m.patterns[at], true
}

// commonPrefix returns the number of bytes that a and b have in common at the start.
func commonPrefix(a, b string) int {
	if strings.HasPrefix(b, a) {
		return len(a)
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// split calls token for each pattern in text, from left to right, and piece for what
// lies between them.
func (m *matcher) split(p *poll, text string, token func(id int), piece func(text string)) {
	done := 0 // text before it was reported
	for i := 0; i < len(text); {
		if p.stop() {
			return
		}
		found, ok := m.match(text[i:])
		if !ok {
			i++
			continue
		}
		start, end := i, i+len(found.text)
		i = end
		t := found.token
		if t.SingleWord && (endsWithWord(text[:start]) || startsWithWord(text[end:])) || start < done {
			continue
		}
		if t.LStrip {
			start = done + len(strings.TrimRightFunc(text[done:start], unicode.IsSpace))
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
