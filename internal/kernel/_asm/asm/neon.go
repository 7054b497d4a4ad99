package asm

import "fmt"

// V is a vector register of arm64.
type V int

func (v V) String() string { return fmt.Sprintf("V%d", int(v)) }

// S4, D2 and B16 are the register as four float32s or words, as two float64s and
// as bytes.
func (v V) S4() string  { return v.String() + ".S4" }
func (v V) D2() string  { return v.String() + ".D2" }
func (v V) B16() string { return v.String() + ".B16" }

// F is the register in loads and stores.
func (v V) F() string { return fmt.Sprintf("F%d", int(v)) }

// Pair is two registers in loads and stores.
func Pair(v, w V) string { return "(" + v.F() + ", " + w.F() + ")" }

// R is a general register of arm64. Go keeps R18 (of the platform), R26 to R30 and
// the stack pointer for itself, and R16 and R17 for the linker.
func R(i int) string { return fmt.Sprintf("R%d", i) }

// Shifted is the operand reg<<by.
func Shifted(reg string, by int) string { return fmt.Sprintf("%s<<%d", reg, by) }

// Fmla adds n·m to d, four float32s, and Fmls takes it away: both round once.
func (f *File) Fmla(m, n, d V) { f.I("VFMLA", m.S4(), n.S4(), d.S4()) }
func (f *File) Fmls(m, n, d V) { f.I("VFMLS", m.S4(), n.S4(), d.S4()) }

// Move copies a vector register, and Clear sets one to zero.
func (f *File) Move(n, d V) { f.I("VMOV", n.B16(), d.B16()) }
func (f *File) Clear(d V)   { f.I("VEOR", d.B16(), d.B16(), d.B16()) }

// What follows are instructions that Go's assembler lacks. The operands are in Go's
// order, destination last, and in the processor's in the comment that each line
// gets.

// Fadd sets d = n + m, and so on for Fsub, Fmul and Fdiv: four float32s.
func (f *File) Fadd(m, n, d V) { f.three("fadd", "4s", 0x4e20d400, m, n, d) }
func (f *File) Fsub(m, n, d V) { f.three("fsub", "4s", 0x4ea0d400, m, n, d) }
func (f *File) Fmul(m, n, d V) { f.three("fmul", "4s", 0x6e20dc00, m, n, d) }
func (f *File) Fdiv(m, n, d V) { f.three("fdiv", "4s", 0x6e20fc00, m, n, d) }

// Fmax and Fmin give NaN if there is one among the two.
func (f *File) Fmax(m, n, d V) { f.three("fmax", "4s", 0x4e20f400, m, n, d) }
func (f *File) Fmin(m, n, d V) { f.three("fmin", "4s", 0x4ea0f400, m, n, d) }

// Fcmgt sets the bits of d where n > m.
func (f *File) Fcmgt(m, n, d V) { f.three("fcmgt", "4s", 0x6ea0e400, m, n, d) }

// Fcmeq sets the words of d that have n equal to m.
func (f *File) Fcmeq(m, n, d V) { f.three("fcmeq", "4s", 0x4e20e400, m, n, d) }

// Fadd2d sets d = n + m: two float64s.
func (f *File) Fadd2d(m, n, d V) { f.three("fadd", "2d", 0x4e60d400, m, n, d) }

func (f *File) Fabs(n, d V) { f.two("fabs", "4s", "4s", 0x4ea0f800, n, d) }
func (f *File) Fneg(n, d V) { f.two("fneg", "4s", "4s", 0x6ea0f800, n, d) }

// Frintm rounds down to whole numbers, and Fcvtzs turns such into words.
func (f *File) Frintm(n, d V) { f.two("frintm", "4s", "4s", 0x4e219800, n, d) }
func (f *File) Fcvtzs(n, d V) { f.two("fcvtzs", "4s", "4s", 0x4ea1b800, n, d) }

// Fcvtl2d widens the lower two float32s to float64, and Fcvtl2d2 the upper two.
func (f *File) Fcvtl2d(n, d V)  { f.two("fcvtl", "2d", "2s", 0x0e617800, n, d) }
func (f *File) Fcvtl2d2(n, d V) { f.two("fcvtl2", "2d", "4s", 0x4e617800, n, d) }

// Fcvtl4s widens the lower four half-precision numbers to float32, and Fcvtl4s2 the
// upper four.
func (f *File) Fcvtl4s(n, d V)  { f.two("fcvtl", "4s", "4h", 0x0e217800, n, d) }
func (f *File) Fcvtl4s2(n, d V) { f.two("fcvtl2", "4s", "8h", 0x4e217800, n, d) }

// Fcvtn4h rounds four float32s to half precision in the lower half of d, and clears
// the upper one, which Fcvtn8h2 fills.
func (f *File) Fcvtn4h(n, d V)  { f.two("fcvtn", "4h", "4s", 0x0e216800, n, d) }
func (f *File) Fcvtn8h2(n, d V) { f.two("fcvtn2", "8h", "4s", 0x4e216800, n, d) }

// Shll16 widens the lower four words of 16 bits and shifts them up by 16, and Shll162 the
// upper four.
func (f *File) Shll16(n, d V)  { f.two("shll #16,", "4s", "4h", 0x2e613800, n, d) }
func (f *File) Shll162(n, d V) { f.two("shll2 #16,", "4s", "8h", 0x6e613800, n, d) }

// Sxtl8h widens the lower eight signed bytes to 16 bits, and Sxtl8h2 the upper eight;
// Sxtl4s and Sxtl4s2 do so for words of 16 bits. Scvtf makes float32s of words.
func (f *File) Sxtl8h(n, d V)  { f.two("sxtl", "8h", "8b", 0x0f08a400, n, d) }
func (f *File) Sxtl8h2(n, d V) { f.two("sxtl2", "8h", "16b", 0x4f08a400, n, d) }
func (f *File) Sxtl4s(n, d V)  { f.two("sxtl", "4s", "4h", 0x0f10a400, n, d) }
func (f *File) Sxtl4s2(n, d V) { f.two("sxtl2", "4s", "8h", 0x4f10a400, n, d) }
func (f *File) Scvtf(n, d V)   { f.two("scvtf", "4s", "4s", 0x4e21d800, n, d) }

// Sshr shifts four signed words to the right.
func (f *File) Sshr(by int, n, d V) {
	f.word(uint32(0x4f000400|(64-by)<<16|int(n)<<5|int(d)), "sshr v%d.4s, v%d.4s, #%d", d, n, by)
}

// FmlaLane adds n·m[0] to d, four float32s, with one rounding.
func (f *File) FmlaLane(m, n, d V) {
	f.word(uint32(0x4f801000|int(m)<<16|int(n)<<5|int(d)), "fmla v%d.4s, v%d.4s, v%d.s[0]", d, n, m)
}

func (f *File) three(name, lanes string, code uint32, m, n, d V) {
	f.word(code|uint32(m)<<16|uint32(n)<<5|uint32(d), "%s v%d.%s, v%d.%s, v%d.%s", name, d, lanes, n, lanes, m, lanes)
}

func (f *File) two(name, to, from string, code uint32, n, d V) {
	f.word(code|uint32(n)<<5|uint32(d), "%s v%d.%s, v%d.%s", name, d, to, n, from)
}

func (f *File) word(code uint32, format string, operands ...any) {
	fmt.Fprintf(&f.buf, "\tWORD $0x%08x // %s\n", code, fmt.Sprintf(format, operands...))
}
