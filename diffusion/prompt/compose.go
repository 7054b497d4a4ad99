package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitAnd splits a prompt at the word AND.
func splitAnd(text string) []string { return splitWord(text, "AND") }

// splitWord splits at a word that stands alone: between what is no letter, number or _.
func splitWord(text, word string) (parts []string) {
	from := 0
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return append(parts, text[from:])
		}
		start, end := at+i, at+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if at = end; !inWord(before) && !inWord(after) {
			parts, from = append(parts, text[from:start]), end
		}
	}
}

// inWord says whether r is of a word. Invalid UTF-8 and the ends of a text are not.
func inWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// isSpace is Unicode's white space, and the separators of ASCII.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// splitWeight splits "a :0.5" into "a" and 0.5. Without a weight that is 1. White space before
// and after the colon and at the end goes.
func splitWeight(part string) (text string, weight float64) {
	part = strings.TrimRightFunc(part, isSpace)
	if i := strings.LastIndexByte(part, ':'); i >= 0 {
		number := strings.TrimLeftFunc(part[i+1:], isSpace)
		if digits := unsigned(number); isDecimal(digits) {
			if weight, ok := finite(number); ok {
				return strings.TrimRightFunc(part[:i], isSpace), weight
			}
		}
	}
	return part, 1
}
