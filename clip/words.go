package clip

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitWords calls yield for each word of normalized text, as the pattern of
// CLIP does, which leaves white space out:
//
//	<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
//
// The reference then applies GPT-2's pattern to each match; that has no effect
// but on the two markers, which it takes apart.
func splitWords(p *poll, text string, yield func(word string)) {
	for len(text) > 0 && !p.stop() {
		if marker := prefixOf(text, "<|startoftext|>", "<|endoftext|>"); marker != "" {
			yield("<|")
			yield(marker[2 : len(marker)-2])
			yield("|>")
			text = text[len(marker):]
			continue
		}
		n := len(prefixOf(text, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"))
		if n == 0 {
			n = runLength(p, text)
		}
		if classOf(firstRune(text)) != space {
			yield(text[:n])
		}
		text = text[n:]
	}
}

// prefixOf returns the first of prefixes that text begins with, or "".
func prefixOf(text string, prefixes ...string) string {
	for _, p := range prefixes {
		if strings.HasPrefix(text, p) {
			return p
		}
	}
	return ""
}

// runLength returns the length in bytes of the letters, the white space or the
// other signs that text begins with; a number is always one rune.
func runLength(p *poll, text string) int {
	class := classOf(firstRune(text))
	for i, r := range text {
		if p.stop() || i > 0 && (class == number || classOf(r) != class) {
			return i
		}
	}
	return len(text)
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

type runeClass uint8

const (
	letter runeClass = iota
	number
	space
	other
)

func classOf(r rune) runeClass {
	switch {
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r) || r > unicode.MaxLatin1 && unicode.Is(newLetters, r):
		return letter
	case unicode.IsNumber(r) || r > unicode.MaxLatin1 && unicode.Is(newNumbers, r):
		return number
	}
	return other
}
