package safetensors

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a header's JSON, as in the official
// implementation.
const maxDepth = 127

// parser reads JSON (RFC 8259) strictly. It keeps the first error: after it
// every method returns at once, and so it does once its context is done, whose error
// its caller then returns. encoding/json does not serve here, since it
// ignores the case of field names, hides duplicate ones, and replaces lone
// surrogates and invalid UTF-8.
type parser struct {
	ctx   context.Context
	src   []byte // valid UTF-8
	pos   int
	base  int64 // offset of src in the file
	depth int
	items int // list items read
	err   *FormatError

	python bool // Infinity, -Infinity and NaN, which Python writes, are values that can be skipped
}

// contextInterval is how many items of lists are read between looks at the context.
const contextInterval = 1 << 10

// fail records an error at src[pos].
func (p *parser) fail(pos int, format string, args ...any) {
	if p.err == nil {
		p.err = &FormatError{Offset: p.base + int64(pos), Msg: fmt.Sprintf(format, args...)}
	}
}

// failType records that something else than want stands at the next position.
func (p *parser) failType(what, want string) {
	p.fail(p.pos, "%s: have %s, want %s", what, p.found(), want)
}

// next skips white space and returns the byte after it, or 0 at the end.
func (p *parser) next() byte {
	for ; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// found names what stands at the current position, for error messages.
func (p *parser) found() string {
	c := p.next()
	switch {
	case p.pos >= len(p.src):
		return "the end of the JSON"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	}
	rest := p.src[p.pos:]
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(string(rest[:min(len(rest), len(word))]), word) {
			return word
		}
	}
	r, _ := utf8.DecodeRune(rest)
	return strconv.QuoteRune(r)
}

// end checks that nothing but white space follows.
func (p *parser) end(what string) {
	if p.err == nil && (p.next() != 0 || p.pos < len(p.src)) {
		p.failType(what, "nothing more")
	}
}

// list reads a sequence between two brackets, calling item at the start of
// each element.
func (p *parser) list(what, want string, open, end byte, item func()) {
	if p.err != nil {
		return
	}
	if p.next() != open {
		p.failType(what, want)
		return
	}
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, "%s: JSON nested more than %d deep", what, maxDepth)
		return
	}
	p.pos++
	if p.next() == end {
		p.pos++
		p.depth--
		return
	}
	for {
		item()
		if p.items++; p.items%contextInterval == 0 && p.ctx.Err() != nil {
			p.fail(p.pos, "%s: %v", what, p.ctx.Err())
		}
		if p.err != nil {
			return
		}
		switch p.next() {
		case ',':
			p.pos++
		case end:
			p.pos++
			p.depth--
			return
		default:
			p.failType(what, fmt.Sprintf("',' or %q", end))
			return
		}
	}
}

// object reads an object. It calls field with each key and the position of
// that key; field reads the value.
func (p *parser) object(what string, field func(key string, at int)) {
	p.list(what, "an object", '{', '}', func() {
		p.next()
		at := p.pos
		key := p.str(what + ": key")
		if p.err == nil && p.next() != ':' {
			p.failType(what, "':'")
			return
		}
		p.pos++
		if p.err == nil {
			field(key, at)
		}
	})
}

// array reads an array, calling item at the start of each element.
func (p *parser) array(what string, item func()) {
	p.list(what, "an array", '[', ']', item)
}

// size reads a whole number from 0 to 2^64−1, written without sign, fraction
// and exponent.
func (p *parser) size(what string) uint64 {
	if p.err != nil {
		return 0
	}
	if c := p.next(); c != '-' && (c < '0' || c > '9') {
		p.failType(what, "a whole number")
		return 0
	}
	at := p.pos
	text := p.number(what)
	v, err := strconv.ParseUint(text, 10, 64)
	if p.err == nil && err != nil {
		p.fail(at, "%s: have %.40s, want a whole number from 0 to 2^64-1", what, text)
	}
	return v
}

// number reads the text of a number.
func (p *parser) number(what string) string {
	at := p.pos
	digits := func() bool {
		from := p.pos
		for p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
			p.pos++
		}
		return p.pos > from
	}
	accept := func(set string) bool {
		if p.pos < len(p.src) && strings.IndexByte(set, p.src[p.pos]) >= 0 {
			p.pos++
			return true
		}
		return false
	}
	accept("-")
	ok := accept("0") || digits()
	if ok && accept(".") {
		ok = digits()
	}
	if ok && accept("eE") {
		accept("+-")
		ok = digits()
	}
	if !ok || p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
		p.fail(at, "%s: invalid number", what)
	}
	return string(p.src[at:p.pos])
}

// skip reads a value of any kind and drops it.
func (p *parser) skip(what string) {
	if p.err != nil {
		return
	}
	switch c := p.next(); {
	case p.python && p.notFinite():
	case c == '{':
		p.object(what, func(string, int) { p.skip(what) })
	case c == '[':
		p.array(what, func() { p.skip(what) })
	case c == '"':
		p.str(what)
	case c == '-' || c >= '0' && c <= '9':
		at := p.pos
		text := p.number(what)
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			p.fail(at, "%s: number out of range", what)
		}
	default:
		word := p.found()
		if word != "null" && word != "true" && word != "false" {
			p.failType(what, "a value")
			return
		}
		p.pos += len(word)
	}
}

// notFinite reads one of Python's words for a float that is not a number, and reports
// whether it did.
func (p *parser) notFinite() bool {
	for _, word := range []string{"-Infinity", "Infinity", "NaN"} {
		if bytes.HasPrefix(p.src[p.pos:], []byte(word)) {
			p.pos += len(word)
			return true
		}
	}
	return false
}

// null reads the word null if it stands here, and reports whether it did.
func (p *parser) null() bool {
	if p.err == nil && p.found() == "null" {
		p.pos += len("null")
		return true
	}
	return false
}
