package gguf

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"unicode/utf8"

	"sdgo/internal/wrongfile"
)

// These bound what a header costs to read; no model comes near them.
const (
	maxEntries = 1 << 18 // tensors, and fields
	maxKey     = 1<<16 - 1
	maxDepth   = 8 // of arrays in arrays

	leastField  = 8 + 4 + 1     // bytes of a field with a short value and no key
	leastTensor = 8 + 4 + 4 + 8 // bytes of the entry of a tensor without name and dimensions
)

// parser reads a header. After the first error, which it keeps, it reads nothing more.
type parser struct {
	data []byte
	pos  int
	err  error
}

// fail keeps the first error, with its place.
func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("offset %d: %s", at, fmt.Sprintf(format, args...))
	}
}

// take returns the next n bytes, or nil if there are not so many.
func (p *parser) take(n uint64, what string) []byte {
	if p.err != nil {
		return nil
	}
	if have := uint64(len(p.data) - p.pos); n > have {
		p.fail(p.pos, "%s: have %d bytes to the end of the file, want %d", what, have, n)
		return nil
	}
	b := p.data[p.pos : p.pos+int(n)]
	p.pos += int(n)
	return b
}

func (p *parser) uint32(what string) uint32 {
	if b := p.take(4, what); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (p *parser) uint64(what string) uint64 {
	if b := p.take(8, what); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// name reads a name, which is text of at most 64 KiB.
func (p *parser) name(what string) string {
	at := p.pos
	n := p.uint64(what)
	if n > maxKey {
		p.fail(at, "%s: have a name of %d bytes, want at most %d", what, n, maxKey)
	}
	b := p.take(n, what)
	if !utf8.Valid(b) {
		p.fail(at, "%s: have a name that is not UTF-8", what)
	}
	return string(b)
}

// counts reads how many tensors and fields there are.
func (p *parser) counts() (tensors, fields int) {
	at := p.pos
	t, f := p.uint64("the number of tensors"), p.uint64("the number of fields")
	switch have := uint64(len(p.data) - p.pos); {
	case p.err != nil:
	case t > maxEntries || f > maxEntries:
		p.fail(at, "have %d tensors and %d fields, want at most %d", t, f, maxEntries)
	case t*leastTensor+f*leastField > have:
		p.fail(at, "have %d tensors and %d fields, for which the %d bytes to the end of the file are too few", t, f, have)
	default:
		return int(t), int(f)
	}
	return 0, 0
}

// header is what comes before the numbers.
type header struct {
	fields  map[string]rawField
	tensors []entry
	end     int
}

// parseHeader reads the header of a file.
func parseHeader(ctx context.Context, data []byte) (*header, error) {
	if err := beginning(data); err != nil {
		return nil, err
	}
	p, h := &parser{data: data, pos: len(magic) + 4}, &header{fields: make(map[string]rawField)}
	tensors, fields := p.counts()
	for range fields {
		at := p.pos
		f := p.field()
		if _, ok := h.fields[f.key]; ok {
			p.fail(at, "field %.200q comes twice", f.key)
		}
		if err := cmp.Or(p.err, ctx.Err()); err != nil {
			return nil, err
		}
		h.fields[f.key] = f
	}
	for range tensors {
		e := p.entry()
		if err := cmp.Or(p.err, ctx.Err()); err != nil {
			return nil, err
		}
		h.tensors = append(h.tensors, e)
	}
	h.end = p.pos
	return h, p.err
}

// beginning checks how a file begins.
func beginning(data []byte) error {
	const least = len(magic) + 4 + 8 + 8
	if !bytes.HasPrefix(data, []byte(magic)) {
		if err := wrongfile.Binary(data, "GGUF"); err != nil {
			return fmt.Errorf("offset 0: %w", err)
		}
		return fmt.Errorf("offset 0: have a file that begins with %.8q, want %q", data[:min(len(data), 8)], magic)
	}
	if len(data) < least {
		return fmt.Errorf("offset 0: have a file of %d bytes, want at least %d", len(data), least)
	}
	switch version := le.Uint32(data[len(magic):]); {
	case version == 2 || version == 3: // which differ in that 3 allows for big endian
		return nil
	case version&0xffff == 0 && version != 0:
		return fmt.Errorf("offset %d: this is a big-endian GGUF file, which is not supported: want a little-endian one", len(magic))
	case version == 1:
		return fmt.Errorf("offset %d: this is a GGUF file of version 1, of 2023, which is not supported: want version 2 or 3", len(magic))
	default:
		return fmt.Errorf("offset %d: have version %d, want 2 or 3", len(magic), version)
	}
}
