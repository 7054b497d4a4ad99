package main

import (
	"slices"

	"sdgo/internal/kernel/_asm/asm"
)

// constants are those of the plain Go code, under the same names. A test that
// compares every bit keeps the two together.
var constants = []struct {
	name  string
	value float32
}{
	{"one", 1},
	{"half", 0.5},

	{"expMin", -104},
	{"expMax", 89},
	{"log2e", 0x1.715476p+00},
	{"-ln2Hi", -0x1.62e430p-01},
	{"-ln2Lo", 0x1.05c610p-29},
	{"roundShift", 0x1.8p23},
	{"expQ0", 0x1.fffffcp-02},
	{"expQ1", 0x1.55549p-03},
	{"expQ2", 0x1.5558f4p-05},
	{"expQ3", 0x1.123a6cp-07},
	{"expQ4", 0x1.6a2352p-10},

	{"exp2Min", -126},
	{"exp2P1", 0x1.62e4bap-01},
	{"exp2P2", 0x1.ebdb6ap-03},
	{"exp2P3", 0x1.c91c1p-05},
	{"exp2P4", 0x1.277c1cp-07},
	{"exp2P5", 0x1.e96912p-10},

	{"-quickGELUSlope", -1.702},
	{"geluMax", 16},
	{"geluK", 2.5625},
	{"geluP0", 2.5625 / 2},
	{"geluP1", -1.338369375},
	{"geluP2", 0.248711332},
	{"geluP3", 0.3069586331},
	{"geluP4", 0.02406260418},
	{"geluP5", -0.1433634932},
	{"geluP6", 0.08997761269},
	{"geluP7", -0.2392445903},
	{"geluP8", 0.2443839662},
	{"geluP9", -0.07543807279},

	{"nearGELUMin", -4.25},
	{"nearGELUMax", 4.25},
	{"nearGELUP0", 0.39893778},
	{"nearGELUP1", -0.066411346},
	{"nearGELUP2", 0.009858477},
	{"nearGELUP3", -0.0011215243},
	{"nearGELUP4", 9.559403e-05},
	{"nearGELUP5", -5.8383143e-06},
	{"nearGELUP6", 2.3747948e-07},
	{"nearGELUP7", -5.6884724e-09},
	{"nearGELUP8", 6.0172964e-11},
}

// Bit patterns.
const (
	absMask      = 0x7fffffff
	exponentBias = 127
)

// repeat is how often a constant is in memory: AVX-512 repeats one word over a vector
// as it reads it, the others want the whole vector.
func (t *target) repeat() int {
	if t.avx512() {
		return 1
	}
	return t.width
}

// constantTable writes the constants.
func (t *target) constantTable() {
	var table []float32
	for _, c := range constants {
		table = append(table, slices.Repeat([]float32{c.value}, t.repeat())...)
	}
	t.Float32s("constants", table...)
}

// bitTable writes the bit patterns.
func (t *target) bitTable() {
	var bits []uint32
	for _, w := range []uint32{absMask, exponentBias} {
		bits = append(bits, slices.Repeat([]uint32{w}, t.repeat())...)
	}
	t.Uint32s("bits", bits...)
}

// C is the operand of a constant.
func (t *target) C(name string) string {
	for i, c := range constants {
		if c.name == name {
			return t.constant("constants", i)
		}
	}
	panic("no constant " + name)
}

func (t *target) absMask() string      { return t.constant("bits", 0) }
func (t *target) exponentBias() string { return t.constant("bits", 1) }

func (t *target) constant(table string, i int) string {
	if t.avx512() {
		return asm.Symbol(table, 4*i)
	}
	return asm.Symbol(table, 4*t.width*i)
}

// IC writes an instruction whose first operand is a constant in memory.
func (t *target) IC(op string, operands ...any) {
	if t.avx512() {
		op += ".BCST"
	}
	t.I(op, operands...)
}

// load fills a register with a constant.
func (t *target) load(name, reg string) { t.I("VBROADCASTSS", t.C(name), reg) }

// horner sets p = names[0], then p = p·x + c for each constant c that follows.
func (t *target) horner(p, x string, names ...string) {
	t.load(names[0], p)
	for _, name := range names[1:] {
		t.IC("VFMADD213PS", t.C(name), x, p)
	}
}
