package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// rawField is a field as it lies in a file, checked.
type rawField struct {
	key        string
	kind       kind
	begin, end int // bytes of the value
}

// kindNames are those of the format's description.
var kindNames = [...]string{"UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "FLOAT32", "BOOL", "STRING", "ARRAY", "UINT64", "INT64", "FLOAT64"}

func (k kind) String() string {
	if k > kindFloat64 {
		return fmt.Sprintf("kind %d", uint32(k))
	}
	return kindNames[k]
}

// field reads a field and checks its value, which stays where it is.
func (p *parser) field() rawField {
	f := rawField{key: p.name("a field")}
	what := fmt.Sprintf("field %.200q", f.key)
	f.kind = kind(p.uint32(what))
	f.begin = p.pos
	p.skip(f.kind, 1, 0, what)
	f.end = p.pos
	return f
}

// skip checks n values of a kind, at some depth of arrays, and goes to their end.
func (p *parser) skip(k kind, n uint64, depth int, what string) {
	switch {
	case k > kindFloat64:
		p.fail(p.pos, "%s: have a value of %v, want one of 0 to %d", what, k, kindFloat64)
	case k == kindString:
		for ; n > 0 && p.err == nil; n-- {
			p.take(p.uint64(what), what)
		}
	case k == kindArray && depth == maxDepth:
		p.fail(p.pos, "%s: have arrays in arrays to a depth of more than %d", what, maxDepth)
	case k == kindArray:
		for ; n > 0 && p.err == nil; n-- {
			of := kind(p.uint32(what))
			p.skip(of, p.uint64(what), depth+1, what)
		}
	default:
		if size := kindSizes[k]; n > math.MaxUint64/size {
			p.fail(p.pos, "%s: have an array of %d values, which is longer than any file", what, n)
		} else {
			p.take(n*size, what)
		}
	}
}

// text returns the value as a text, if it is one that is not long, or one number or bool.
func (f rawField) text(data []byte) (text string, ok bool) {
	if f.kind == kindArray || f.end-f.begin > maxKey {
		return "", false
	}
	return fmt.Sprint(f.value(data)), true
}

// value returns the value of a field of a file as [Field] has it; one of arrays is a []any.
func (f rawField) value(data []byte) any {
	p := &parser{data: data[:f.end], pos: f.begin}
	if f.kind == kindArray {
		return p.array()
	}
	return p.values(f.kind, 1, false)
}

// array reads an array.
func (p *parser) array() any {
	of := kind(p.uint32(""))
	n := int(p.uint64(""))
	if of != kindArray {
		return p.values(of, n, true)
	}
	all := []any{} // which grows with what is there
	for range n {
		all = append(all, p.array())
	}
	return all
}

// values reads n values, as a slice or one alone.
//
// In one piece: a case for each type.
func (p *parser) values(k kind, n int, slice bool) any {
	switch k {
	case kindUint8:
		return fixed[uint8](p, n, slice)
	case kindInt8:
		return fixed[int8](p, n, slice)
	case kindUint16:
		return fixed[uint16](p, n, slice)
	case kindInt16:
		return fixed[int16](p, n, slice)
	case kindUint32:
		return fixed[uint32](p, n, slice)
	case kindInt32:
		return fixed[int32](p, n, slice)
	case kindFloat32:
		return fixed[float32](p, n, slice)
	case kindBool:
		return fixed[bool](p, n, slice)
	case kindUint64:
		return fixed[uint64](p, n, slice)
	case kindInt64:
		return fixed[int64](p, n, slice)
	case kindFloat64:
		return fixed[float64](p, n, slice)
	}
	all := make([]string, n)
	for i := range all {
		all[i] = string(p.take(p.uint64(""), ""))
	}
	if !slice {
		return all[0]
	}
	return all
}

// fixed reads n values of a type, as a slice or one alone.
func fixed[T any](p *parser, n int, slice bool) any {
	all := make([]T, n)
	size, err := binary.Decode(p.data[p.pos:], le, all)
	if err != nil { // which has been checked
		panic("gguf: " + err.Error())
	}
	p.pos += size
	if !slice {
		return all[0]
	}
	return all
}
