package pickle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// These bound what a pickle costs. Those of published models have under 1 MiB and some
// thousand tensors; pickle.py puts at most 1000 pairs or items on the stack at once.
const (
	maxPickle = 16 << 20 // bytes
	maxValues = 1 << 20  // texts, lists, dicts, tensors and such, what is in them, and entries of the memo
	maxStack  = 1 << 17  // values at once; also marks
	maxLine   = 4096     // bytes of a name or number that is written as text
)

// machine runs one pickle.
type machine struct {
	ctx   context.Context
	in    *bufio.Reader
	at    int64 // place of the next byte, as messages tell it
	end   int64 // where the input ends
	limit int64 // where the pickle must have ended

	stack []any
	marks []int // places in stack
	memo  map[uint32]any
	made  int // see maxValues

	// storage returns the storage that a persistent id names.
	storage func(id tuple) (view, error)
}

// newMachine returns a machine for the pickle at a place of src that ends before end.
func newMachine(ctx context.Context, src io.ReaderAt, at, end, shown int64, storage func(tuple) (view, error)) *machine {
	return &machine{
		ctx: ctx, in: bufio.NewReader(io.NewSectionReader(src, at, end-at)),
		at: shown, end: shown + end - at, limit: shown + maxPickle,
		memo: make(map[uint32]any), storage: storage,
	}
}

// run runs the program to its STOP and returns the value that it leaves. Errors tell
// offset and opcode.
func (m *machine) run() (any, error) {
	const look = 4096 // opcodes from one look at ctx to the next
	for n := 0; ; n++ {
		if n%look == 0 && m.ctx.Err() != nil {
			return nil, m.ctx.Err()
		}
		at := m.at
		op, err := m.byte()
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", at, err)
		}
		if op == '.' {
			v, err := m.pop()
			if err != nil {
				return nil, fmt.Errorf("offset %d: STOP: %w", at, err)
			}
			return v, nil
		}
		o := &opcodes[op]
		switch {
		case o.name == "":
			return nil, fmt.Errorf("offset %d: have the byte %#02x, want an opcode of a pickle", at, op)
		case o.do == nil:
			return nil, fmt.Errorf("offset %d: opcode %s: files of PyTorch have none of it", at, o.name)
		}
		if err := o.do(m); err != nil {
			return nil, fmt.Errorf("offset %d: %s: %w", at, o.name, err)
		}
	}
}

// read returns the next n bytes.
func (m *machine) read(n uint64) ([]byte, error) {
	if left := m.end - m.at; n > uint64(left) {
		return nil, fmt.Errorf("want %d bytes, have %d: %w", n, left, io.ErrUnexpectedEOF)
	}
	if m.at+int64(n) > m.limit {
		return nil, fmt.Errorf("the pickle has more than %d bytes", maxPickle)
	}
	b := make([]byte, n)
	got, err := io.ReadFull(m.in, b)
	m.at += int64(got)
	return b, err
}

// byte returns the next byte.
func (m *machine) byte() (byte, error) {
	switch {
	case m.at >= m.end:
		return 0, fmt.Errorf("the pickle ends without STOP: %w", io.ErrUnexpectedEOF)
	case m.at >= m.limit:
		return 0, fmt.Errorf("the pickle has more than %d bytes", maxPickle)
	}
	b, err := m.in.ReadByte()
	if err == nil {
		m.at++
	}
	return b, err
}

// uint returns the next n bytes as a number, little endian.
func (m *machine) uint(n int) (uint64, error) {
	var v uint64
	for i := range n {
		b, err := m.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

// line returns the text up to the next end of line.
func (m *machine) line() (string, error) {
	var b []byte
	for {
		c, err := m.byte()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return string(b), nil
		case len(b) == maxLine:
			return "", fmt.Errorf("have a line of more than %d bytes", maxLine)
		}
		b = append(b, c)
	}
}

// push puts a value on the stack.
func (m *machine) push(v any) error {
	if len(m.stack) >= maxStack {
		return fmt.Errorf("have more than %d values on the stack", maxStack)
	}
	m.stack = append(m.stack, v)
	return nil
}

// make puts a new value on the stack.
func (m *machine) make(v any) error {
	if err := m.count(1); err != nil {
		return err
	}
	return m.push(v)
}

// count counts n values that take memory.
func (m *machine) count(n int) error {
	if m.made += n; m.made > maxValues {
		return fmt.Errorf("have more than %d values", maxValues)
	}
	return nil
}

var (
	errEmpty  = errors.New("the stack has too few values")
	errNoMark = errors.New("there is no mark on the stack")
)

// base is where the values since the last mark begin.
func (m *machine) base() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

// top returns the last value on the stack, after the last mark.
func (m *machine) top() (any, error) {
	if len(m.stack) <= m.base() {
		return nil, errEmpty
	}
	return m.stack[len(m.stack)-1], nil
}

// pop takes the last value off the stack.
func (m *machine) pop() (any, error) {
	v, err := m.top()
	if err == nil {
		m.stack[len(m.stack)-1] = nil
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

// popN takes the last n values, in the order in which they came.
func (m *machine) popN(n int) (tuple, error) {
	if len(m.stack)-m.base() < n {
		return nil, errEmpty
	}
	return m.cut(len(m.stack) - n)
}

// popMark takes the values since the last mark, and the mark.
func (m *machine) popMark() (tuple, error) {
	if len(m.marks) == 0 {
		return nil, errNoMark
	}
	at := m.base()
	m.marks = m.marks[:len(m.marks)-1]
	return m.cut(at)
}

// cut takes the values from a place of the stack on.
func (m *machine) cut(at int) (tuple, error) {
	if err := m.count(len(m.stack) - at); err != nil {
		return nil, err
	}
	values := make(tuple, len(m.stack)-at)
	copy(values, m.stack[at:])
	clear(m.stack[at:])
	m.stack = m.stack[:at]
	return values, nil
}
