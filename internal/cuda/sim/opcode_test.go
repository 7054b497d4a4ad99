//go:build gpu && cgo && linux

package sim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An opcode is applied to the 64-bit words of in, one lane each; %o and %i0 to %i3 stand for
// registers of the types that its letters name: the result first. (p predicate, h 16 bits,
// r 32 bits, d 64 bits, f float32, g float64.)
type opcode struct {
	text  string
	types string
	rows  [][]uint64 // result, operands
}

func f(x float64) uint64 { return uint64(math.Float32bits(float32(x))) }
func g(x float64) uint64 { return math.Float64bits(x) }
func neg(x int) uint64   { return uint64(uint32(-x)) }

var (
	inf  = f(math.Inf(1))
	minf = f(math.Inf(-1))
	nan  = uint64(0x7fffffff) // what arithmetic returns
)

const otherNaN = 0x7fa00001

// program applies an opcode to rows of five words at its first parameter: out and four operands.
func (o opcode) program() string {
	kinds := map[byte]string{'h': "b16", 'r': "b32", 'd': "b64", 'f': "f32", 'g': "f64", 'p': "pred"}
	var b strings.Builder
	b.WriteString(".version 8.1\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 rows)\n{\n")
	b.WriteString(".reg .pred %t; .reg .b64 %at, %base, %w; .reg .b32 %lane;\n")
	text := o.text
	if !strings.HasSuffix(text, "; }") {
		text += ";"
	}
	for i := len(o.types) - 1; i >= 0; i-- {
		name := fmt.Sprintf("%%i%d", i-1)
		if i == 0 {
			name = "%o"
		}
		fmt.Fprintf(&b, ".reg .%s %s;\n", kinds[o.types[i]], name)
	}
	b.WriteString("ld.param.u64 %base, [rows];\nmov.u32 %lane, %tid.x;\nmad.wide.u32 %at, %lane, 40, %base;\n")
	for i := 1; i < len(o.types); i++ {
		fmt.Fprintf(&b, "ld.global.b64 %%w, [%%at+%d];\n%s\n", 8*i, narrow(o.types[i], fmt.Sprintf("%%i%d", i-1)))
	}
	fmt.Fprintf(&b, "%s\n%s\nst.global.b64 [%%at], %%w;\nret;\n}\n", text, widen(o.types[0], "%o"))
	return b.String()
}

func narrow(kind byte, reg string) string {
	switch kind {
	case 'h':
		return "cvt.u16.u64 " + reg + ", %w;"
	case 'r':
		return "cvt.u32.u64 " + reg + ", %w;"
	case 'f':
		return "{ .reg .b32 %half; cvt.u32.u64 %half, %w; mov.b32 " + reg + ", %half; }"
	case 'p':
		return "setp.ne.u64 " + reg + ", %w, 0;"
	}
	return "mov.b64 " + reg + ", %w;"
}

func widen(kind byte, reg string) string {
	switch kind {
	case 'h':
		return "cvt.u64.u16 %w, " + reg + ";"
	case 'r':
		return "cvt.u64.u32 %w, " + reg + ";"
	case 'f':
		return "{ .reg .b32 %half; mov.b32 %half, " + reg + "; cvt.u64.u32 %w, %half; }"
	case 'p':
		return "selp.b64 %w, 1, 0, " + reg + ";"
	}
	return "mov.b64 %w, " + reg + ";"
}

// Each opcode gives the values of the PTX manual, which those of a GPU are, too: the
// table runs on a real driver as it does here.
func TestOpcodes(t *testing.T) {
	for _, sharing := range []int{1, 0} {
		m := newMachine(t, "nan", 0, "sharing", sharing)
		for _, o := range opcodes {
			k := m.function(o.program(), "k")
			table := make([]uint64, 0, 5*len(o.rows))
			for _, row := range o.rows {
				require.Len(t, row, len(o.types), o.text)
				table = append(append(table, 0), row[1:]...)
				table = append(table, make([]uint64, 5-len(row))...)
			}
			p := upload(m, table)
			m.must(k, grid{x: 1, threads: len(o.rows)}, p)
			for i, word := range download[uint64](m, p, len(table)) {
				if i%5 == 0 {
					row := o.rows[i/5]
					assert.Equal(t, fmt.Sprintf("%#x", row[0]), fmt.Sprintf("%#x", word), "%s of %#x (sharing %d)", o.text, row[1:], sharing)
				}
			}
		}
	}
}
