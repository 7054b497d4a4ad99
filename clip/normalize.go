package clip

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalize does to a piece of prompt what the reference tokenizer does before
// it looks for words: canonical composition (NFC), runs of white space become
// one space, lower case. Lower case goes rune by rune, so a final Σ becomes σ.
// The text must be valid UTF-8.
func normalize(p *poll, text string) string {
	var b strings.Builder
	b.Grow(len(text))
	space := false
	for len(text) > 0 && p.done() == nil {
		block := text[:blockLen(p, text)]
		text = text[len(block):]
		for _, r := range composed(p, block) {
			if p.stop() {
				break
			}
			if unicode.IsSpace(r) {
				if !space {
					b.WriteByte(' ')
				}
				space = true
				continue
			}
			space = false
			if r == 'İ' { // the one letter whose lower case is two runes
				b.WriteString("i\u0307")
				continue
			}
			b.WriteRune(newCases.ToLower(r))
		}
	}
	return b.String()
}

// normalizeBlock is how many bytes are composed at a time, at least.
const normalizeBlock = 1 << 16

// blockLen returns the length of a beginning of text that composes as it does alone:
// what follows begins with a starter that joins nothing before it.
func blockLen(p *poll, text string) int {
	for i := normalizeBlock; i < len(text) && !p.stop(); i++ {
		if utf8.RuneStart(text[i]) && norm.NFC.PropertiesString(text[i:]).BoundaryBefore() {
			return i
		}
	}
	return len(text)
}

// composed is the canonical composition NFC of the Unicode Standard, annex 15.
// It uses the tables of x/text, but not its transformation, which departs from
// NFC after 30 combining marks in a row (it makes "stream-safe text").
func composed(p *poll, text string) string {
	if norm.NFC.IsNormalString(text) {
		return text
	}
	return string(compose(p, decompose(p, text)))
}

// mark is a rune with its canonical combining class; starters have class 0.
type mark struct {
	r     rune
	class uint8
}

// decompose gives the canonical decomposition in canonical order.
func decompose(p *poll, text string) []mark {
	marks := make([]mark, 0, utf8.RuneCountInString(text))
	for _, r := range text {
		if p.stop() {
			return nil
		}
		if r < 0xc0 || r == laterComposite { // ASCII and Latin-1 signs have no decomposition
			marks = append(marks, mark{r: r})
			continue
		}
		for _, d := range norm.NFD.String(string(r)) {
			marks = append(marks, mark{d, combiningClass(d)})
		}
	}
	for i := 0; i < len(marks); i++ {
		first := i
		for i < len(marks) && marks[i].class != 0 {
			i++
		}
		sortMarks(marks[first:i])
	}
	return marks
}

// sortMarks sorts marks by class and keeps the order of equal ones. It counts them,
// so that a run of any length takes linear time.
func sortMarks(marks []mark) {
	if slices.IsSortedFunc(marks, func(a, b mark) int { return int(a.class) - int(b.class) }) {
		return
	}
	var next [257]int
	for _, m := range marks {
		next[int(m.class)+1]++
	}
	for c := range 256 {
		next[c+1] += next[c]
	}
	for _, m := range slices.Clone(marks) {
		marks[next[m.class]] = m
		next[m.class]++
	}
}

// compose joins each starter with the marks after it that have a composite and
// are not blocked by another mark of the same or a higher class.
func compose(p *poll, marks []mark) []rune {
	out := make([]rune, 0, len(marks))
	starter := -1 // index in out
	var last uint8
	for _, m := range marks {
		if p.stop() {
			return nil
		}
		if starter >= 0 && (len(out) == starter+1 || last < m.class) {
			if c, ok := composite(out[starter], m.r); ok {
				out[starter] = c
				continue
			}
		}
		if m.class == 0 {
			starter = len(out)
		}
		last = m.class
		out = append(out, m.r)
	}
	return out
}

// composite returns the primary composite of a starter and the rune after it.
func composite(a, b rune) (rune, bool) {
	if norm.NFC.PropertiesString(string(b)).BoundaryBefore() {
		return 0, false
	}
	pair := norm.NFC.String(string([]rune{a, b}))
	r, size := utf8.DecodeRuneInString(pair)
	return r, size == len(pair) && r != laterComposite
}

func combiningClass(r rune) uint8 {
	if unicode.Is(laterMarks, r) {
		return 0
	}
	return norm.NFC.PropertiesString(string(r)).CCC()
}

// decodeUTF8 replaces what is not UTF-8 by U+FFFD, one for each longest prefix
// of a valid sequence, as Python's bytes.decode("utf-8", "replace") and the
// Unicode Standard, section 3.9, do. A range loop gives one for each byte.
func decodeUTF8(p *poll, text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for len(text) > 0 && !p.stop() {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			size = invalidPrefix(text)
		}
		b.WriteRune(r)
		text = text[size:]
	}
	return b.String()
}

// invalidPrefix returns the length of the longest beginning of text that could
// have begun a rune, at least 1.
func invalidPrefix(text string) int {
	low, high := byte(0x80), byte(0xbf) // of the second byte, table 3-7 of the standard
	need := 0
	switch c := text[0]; {
	case 0xc2 <= c && c <= 0xdf:
		need = 1
	case 0xe0 <= c && c <= 0xef:
		need = 2
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case 0xf0 <= c && c <= 0xf4:
		need = 3
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n <= need && n < len(text) && low <= text[n] && text[n] <= high {
		low, high = 0x80, 0xbf
		n++
	}
	return n
}
