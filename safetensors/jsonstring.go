package safetensors

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string.
func (p *parser) str(what string) string {
	if p.err != nil {
		return ""
	}
	if p.next() != '"' {
		p.failType(what, "a string")
		return ""
	}
	p.pos++
	start := p.pos
	var unescaped []byte // what came before start, if there were escapes
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			s := p.src[start:p.pos]
			p.pos++
			if unescaped == nil {
				return string(s)
			}
			return string(append(unescaped, s...))
		case c < ' ':
			p.fail(p.pos, "%s: control character %#02x in a string", what, c)
			return ""
		case c == '\\':
			unescaped = append(unescaped, p.src[start:p.pos]...)
			r, ok := p.escape()
			if !ok {
				p.fail(p.pos, "%s: invalid escape in a string", what)
				return ""
			}
			unescaped = utf8.AppendRune(unescaped, r)
			start = p.pos
		default:
			p.pos++
		}
	}
	p.fail(p.pos, "%s: the JSON ends inside a string", what)
	return ""
}

// escape reads the escape sequence at the current position. A surrogate must
// come as a pair.
func (p *parser) escape() (rune, bool) {
	rest := p.src[p.pos:]
	if len(rest) < 2 {
		return 0, false
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[1]); i >= 0 {
		p.pos += 2
		return rune("\"\\/\b\f\n\r\t"[i]), true
	}
	r, ok := hexEscape(rest)
	if !ok {
		return 0, false
	}
	if !utf16.IsSurrogate(r) {
		p.pos += 6
		return r, true
	}
	low, ok := hexEscape(rest[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, false
	}
	p.pos += 12
	return r, true
}

// hexEscape reads \uXXXX at the start of b.
func hexEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[2:6]), 16, 16) // of fixed length: no sign or underscore passes base 16
	return rune(v), err == nil
}
