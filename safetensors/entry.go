package safetensors

import (
	"fmt"
	"math"
)

// entry describes one tensor; begin and end count from the first data byte.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end uint64
	at         int // where the header names it
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
