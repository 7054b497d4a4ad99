package safetensors

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"sdgo/internal/wrongfile"
)

const (
	lengthSize    = 8           // the header's length, uint64
	maxHeader     = 100_000_000 // bytes, as in the official implementation
	metadataField = "__metadata__"

	// No model comes near these. They bound what a header costs to read, in time and
	// in memory; the official implementation has no such limits.
	maxTensors = 1 << 18 // also of metadata and of an index
	maxDims    = 64
)

// header is the content of a file's JSON header, checked.
type header struct {
	metadata map[string]string
	entries  []entry // in the order of their data
}

// entry describes one tensor; begin and end count from the first data byte.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end uint64
	at         int // where the header names it
}

// headerLength reads the length of the JSON header of a file and checks it against
// the file's size.
func headerLength(data []byte) (int, *FormatError) {
	problem := ""
	var n uint64
	if len(data) < lengthSize {
		problem = fmt.Sprintf("have %d bytes, want at least %d", len(data), lengthSize)
	} else if n = binary.LittleEndian.Uint64(data); n > maxHeader {
		problem = fmt.Sprintf("header of %d bytes, want at most %d", n, maxHeader)
	} else if n > uint64(len(data)-lengthSize) {
		problem = fmt.Sprintf("header of %d bytes, but the file has %d after the length", n, len(data)-lengthSize)
	}
	if problem != "" {
		if err := wrongfile.Binary(data, "safetensors"); err != nil {
			problem = err.Error()
		}
		return 0, &FormatError{Msg: problem}
	}
	return int(n), nil
}

// parseHeader parses a file's JSON header. The data after it have dataSize
// bytes, which the tensors must cover without holes and overlaps.
//
// Where the format's description and its official implementation differ, the
// implementation decides, but for limits on numbers: space may come before the '{', unknown fields are
// ignored, a name that comes twice counts as its last entry, an entry may be
// written as the array [dtype, shape, data_offsets].
func parseHeader(ctx context.Context, src []byte, dataSize uint64) (*header, *FormatError) {
	if i := invalidUTF8(src); i >= 0 {
		return nil, &FormatError{Offset: int64(lengthSize + i), Msg: "header: invalid UTF-8"}
	}
	p := &parser{ctx: ctx, src: src, base: lengthSize}
	h := new(header)
	index := make(map[string]int) // into h.entries
	var sawMetadata bool
	p.object("header", func(key string, at int) {
		if key == metadataField {
			if sawMetadata {
				p.fail(at, "header: %s comes twice", metadataField)
			}
			sawMetadata = true
			h.metadata = p.metadata()
			return
		}
		e := p.entry(key)
		e.at = at
		if i, ok := index[key]; ok {
			h.entries[i] = e
			return
		}
		if len(h.entries) == maxTensors {
			p.fail(at, "header: more than %d tensors", maxTensors)
			return
		}
		index[key] = len(h.entries)
		h.entries = append(h.entries, e)
	})
	p.end("header")
	if p.err != nil {
		return nil, p.err
	}
	slices.SortFunc(h.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.at, b.at))
	})
	if err := h.check(uint64(len(src)), dataSize); err != nil {
		return nil, err
	}
	return h, nil
}

// metadata reads the free-form map of strings, which may be null.
func (p *parser) metadata() map[string]string {
	if p.null() {
		return nil
	}
	m := make(map[string]string)
	p.object(metadataField, func(key string, at int) {
		if len(m) == maxTensors {
			p.fail(at, "%s: more than %d entries", metadataField, maxTensors)
			return
		}
		m[key] = p.str(fmt.Sprintf("%s: %.80q", metadataField, key))
	})
	return m
}

// entry reads the description of the tensor called name.
func (p *parser) entry(name string) entry {
	e := entry{name: name}
	what := fmt.Sprintf("tensor %.200q", name)
	readers := [...]struct {
		field string
		read  func()
	}{
		{"dtype", func() { e.dtype = p.dtype(what) }},
		{"shape", func() { e.shape = p.shape(what) }},
		{"data_offsets", func() { e.begin, e.end = p.offsets(what) }},
	}
	if p.next(); p.err != nil {
		return e
	}
	at := p.pos

	if p.next() == '[' {
		n := 0
		p.array(what, func() {
			if n == len(readers) {
				p.fail(p.pos, "%s: an array of more than 3 elements, want [dtype, shape, data_offsets]", what)
				return
			}
			readers[n].read()
			n++
		})
		if n < len(readers) {
			p.fail(at, "%s: an array of %d elements, want [dtype, shape, data_offsets]", what, n)
		}
		return e
	}

	var seen [len(readers)]bool
	p.object(what, func(key string, at int) {
		for i, r := range readers {
			if key == r.field {
				if seen[i] {
					p.fail(at, "%s: %s comes twice", what, key)
				}
				seen[i] = true
				r.read()
				return
			}
		}
		p.skip(what)
	})
	for i, r := range readers {
		if !seen[i] {
			p.fail(at, "%s: no %s", what, r.field)
		}
	}
	return e
}

func (p *parser) dtype(what string) DType {
	p.next()
	at := p.pos
	name := p.str(what + ": dtype")
	d, ok := dtypeByName[name]
	if !ok {
		p.fail(at, "%s: dtype: have %.40q, want one of BOOL, U8 ... F32, F64", what, name)
	}
	return d
}

func (p *parser) shape(what string) []int {
	what += ": shape"
	shape := []int{}
	p.array(what, func() {
		at := p.pos
		n := p.size(what)
		if n > math.MaxInt {
			p.fail(at, "%s: have %d, want at most %d", what, n, math.MaxInt)
			return
		}
		if len(shape) == maxDims {
			p.fail(at, "%s: more than %d dimensions", what, maxDims)
			return
		}
		shape = append(shape, int(n))
	})
	return shape
}

func (p *parser) offsets(what string) (begin, end uint64) {
	what += ": data_offsets"
	p.next()
	at, n := p.pos, 0
	p.array(what, func() {
		v := p.size(what)
		switch n++; n {
		case 1:
			begin = v
		case 2:
			end = v
		default:
			p.fail(at, "%s: more than 2 elements, want [begin, end]", what)
		}
	})
	if n < 2 {
		p.fail(at, "%s: have %d elements, want [begin, end]", what, n)
	}
	return begin, end
}

// check verifies that each tensor has the bytes that its type and shape ask
// for, and that the tensors together cover the data exactly. Offsets in its
// errors point to the tensor's entry in the header of the given size.
func (h *header) check(headerSize, dataSize uint64) *FormatError {
	var covered uint64
	for _, e := range h.entries {
		fail := func(format string, args ...any) *FormatError {
			return &FormatError{
				Offset: int64(lengthSize + e.at),
				Msg:    fmt.Sprintf("tensor %.200q: ", e.name) + fmt.Sprintf(format, args...),
			}
		}
		if e.begin != covered || e.end < e.begin {
			return fail("data_offsets: have [%d, %d], want them to begin at %d, where the tensor before ends", e.begin, e.end, covered)
		}
		want, ok := byteSize(e.dtype, e.shape)
		switch have := e.end - e.begin; {
		case !ok:
			return fail("%v of shape %v has a size beyond 2^64 bits or within a byte", e.dtype, e.shape)
		case have != want:
			return fail("data_offsets: have %d bytes, want %d for %v of shape %v", have, want, e.dtype, e.shape)
		case e.end > dataSize:
			return fail("data_offsets: have [%d, %d], but the file has %d data bytes", e.begin, e.end, dataSize)
		}
		covered = e.end
	}
	if covered != dataSize {
		return &FormatError{
			Offset: int64(lengthSize + headerSize + covered),
			Msg:    fmt.Sprintf("%d bytes after the last tensor, want none", dataSize-covered),
		}
	}
	return nil
}

// byteSize returns the size of a tensor. It is false if the number of elements
// or of bits, multiplied in order, overflows 64 bits, or if the last byte
// would be shared.
func byteSize(d DType, shape []int) (uint64, bool) {
	n := uint64(1)
	for _, dim := range shape {
		hi, lo := bits.Mul64(n, uint64(dim))
		if hi != 0 {
			return 0, false
		}
		n = lo
	}
	hi, total := bits.Mul64(n, uint64(d.Bits()))
	return total / 8, hi == 0 && total%8 == 0
}

// invalidUTF8 returns the position of the first byte that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}
