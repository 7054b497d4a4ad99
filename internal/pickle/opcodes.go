package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// opcodes are those of pickle's protocols 0 to 5. Those that do nothing here are refused:
// the texts of protocol 0, which torch.save cannot use, what makes objects of classes in
// ways that no tensor needs, and the registry of extensions.
var opcodes = [256]struct {
	name string
	do   func(*machine) error
}{
	'\x80': {"PROTO", doProto}, '\x95': {"FRAME", doFrame}, '.': {"STOP", nil},
	'(': {"MARK", doMark}, '0': {"POP", doPop}, '1': {"POP_MARK", doPopMark}, '2': {"DUP", doDup},

	'N':    {"NONE", func(m *machine) error { return m.push(nil) }},
	'\x88': {"NEWTRUE", func(m *machine) error { return m.push(true) }},
	'\x89': {"NEWFALSE", func(m *machine) error { return m.push(false) }},
	'I':    {"INT", doInt}, 'L': {"LONG", doInt}, 'F': {"FLOAT", doFloat}, 'G': {"BINFLOAT", doBinFloat},
	'J': {"BININT", doBinInt}, 'K': {"BININT1", doUint(1)}, 'M': {"BININT2", doUint(2)},
	'\x8a': {"LONG1", doLong(1)}, '\x8b': {"LONG4", doLong(4)},

	'X': {"BINUNICODE", doText(4)}, '\x8c': {"SHORT_BINUNICODE", doText(1)}, '\x8d': {"BINUNICODE8", doText(8)},
	'U': {"SHORT_BINSTRING", doText(1)}, 'T': {"BINSTRING", doText(4)},
	'B': {"BINBYTES", doBytes(4)}, 'C': {"SHORT_BINBYTES", doBytes(1)}, '\x8e': {"BINBYTES8", doBytes(8)}, '\x96': {"BYTEARRAY8", doBytes(8)},

	']':    {"EMPTY_LIST", func(m *machine) error { return m.make(&list{}) }},
	'}':    {"EMPTY_DICT", func(m *machine) error { return m.make(&dict{}) }},
	')':    {"EMPTY_TUPLE", func(m *machine) error { return m.make(tuple{}) }},
	'\x8f': {"EMPTY_SET", func(m *machine) error { return m.make(&list{}) }},
	'l':    {"LIST", doList}, '\x91': {"FROZENSET", doList}, 'd': {"DICT", doDict}, 't': {"TUPLE", doTuple},
	'\x85': {"TUPLE1", doTupleOf(1)}, '\x86': {"TUPLE2", doTupleOf(2)}, '\x87': {"TUPLE3", doTupleOf(3)},
	'a': {"APPEND", doAppend}, 'e': {"APPENDS", doAppends}, '\x90': {"ADDITEMS", doAppends},
	's': {"SETITEM", doSetItem}, 'u': {"SETITEMS", doSetItems},

	'q': {"BINPUT", doPut(1)}, 'r': {"LONG_BINPUT", doPut(4)}, '\x94': {"MEMOIZE", doMemoize},
	'h': {"BINGET", doGet(1)}, 'j': {"LONG_BINGET", doGet(4)},

	'c': {"GLOBAL", doGlobal}, '\x93': {"STACK_GLOBAL", doStackGlobal}, 'Q': {"BINPERSID", doPersistent},
	'R': {"REDUCE", doReduce}, '\x81': {"NEWOBJ", doReduce}, 'b': {"BUILD", doBuild},

	'S': {"STRING", nil}, 'V': {"UNICODE", nil}, 'P': {"PERSID", nil}, 'p': {"PUT", nil}, 'g': {"GET", nil},
	'i': {"INST", nil}, 'o': {"OBJ", nil}, '\x92': {"NEWOBJ_EX", nil},
	'\x82': {"EXT1", nil}, '\x83': {"EXT2", nil}, '\x84': {"EXT4", nil},
	'\x97': {"NEXT_BUFFER", nil}, '\x98': {"READONLY_BUFFER", nil},
}

const newestProtocol = 5

func doProto(m *machine) error {
	n, err := m.byte()
	if err == nil && n > newestProtocol {
		err = fmt.Errorf("have protocol %d, want 0 to %d", n, newestProtocol)
	}
	return err
}

func doFrame(m *machine) error {
	n, err := m.uint(8)
	if left := m.end - m.at; err == nil && n > uint64(left) {
		err = fmt.Errorf("have a frame of %d bytes, want at most the %d that are left", n, left)
	}
	return err
}

func doMark(m *machine) error {
	if len(m.marks) >= maxStack {
		return fmt.Errorf("have more than %d marks on the stack", maxStack)
	}
	m.marks = append(m.marks, len(m.stack))
	return nil
}

func doPop(m *machine) error {
	if n := len(m.marks); n > 0 && m.base() == len(m.stack) {
		m.marks = m.marks[:n-1]
		return nil
	}
	_, err := m.pop()
	return err
}

func doPopMark(m *machine) error {
	_, err := m.popMark()
	return err
}

func doDup(m *machine) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	return m.push(v)
}

// doInt reads an integer that is written as text; of INT, 00 and 01 are bools.
func doInt(m *machine) error {
	s, err := m.line()
	switch {
	case err != nil:
		return err
	case s == "00", s == "01":
		return m.push(s == "01")
	}
	v, err := strconv.ParseInt(strings.TrimSuffix(s, "L"), 10, 64)
	if err != nil {
		return fmt.Errorf("have %.40q, want an integer of 64 bits", s)
	}
	return m.push(v)
}

func doFloat(m *machine) error {
	s, err := m.line()
	if err != nil {
		return err
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("have %.40q, want a number", s)
	}
	return m.push(v)
}

func doBinFloat(m *machine) error {
	b, err := m.read(8)
	if err != nil {
		return err
	}
	return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
}

func doBinInt(m *machine) error {
	v, err := m.uint(4)
	if err != nil {
		return err
	}
	return m.push(int64(int32(v)))
}

func doUint(size int) func(*machine) error {
	return func(m *machine) error {
		v, err := m.uint(size)
		if err != nil {
			return err
		}
		return m.push(int64(v))
	}
}

// doLong reads an integer after its length.
func doLong(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return fmt.Errorf("have a length of %d", int32(n))
		}
		b, err := m.read(n)
		if err != nil {
			return err
		}
		if len(b) > 8 {
			return m.make(long(b))
		}
		var v uint64
		for i, c := range b {
			v |= uint64(c) << (8 * i)
		}
		unused := 64 - 8*len(b)
		return m.push(int64(v<<unused) >> unused)
	}
}

// doText reads a text after its length. The texts of Python 2 are bytes; as keys and
// names they must be texts too.
func doText(size int) func(*machine) error {
	return func(m *machine) error {
		b, err := m.block(size)
		if err != nil {
			return err
		}
		if !utf8.Valid(b) {
			return fmt.Errorf("have %.40q, want UTF-8", b)
		}
		return m.make(string(b))
	}
}

func doBytes(size int) func(*machine) error {
	return func(m *machine) error {
		b, err := m.block(size)
		if err != nil {
			return err
		}
		return m.make(octets(b))
	}
}

// block reads bytes after their number, which has size bytes.
func (m *machine) block(size int) ([]byte, error) {
	n, err := m.uint(size)
	if err != nil {
		return nil, err
	}
	return m.read(n)
}
