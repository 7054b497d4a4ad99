package main

import (
	"slices"

	"sdgo/internal/kernel/_asm/asm"
)

// The transforms go through a patch in 16 channels, four vectors: first by columns
// into temp, [column][row][16], then by rows. The addresses of six pixels serve four
// vectors. Registers 0 to 11 are those of winInput and winOutput; the constants come
// after them.
const winChannels = 16

// winVectors are the constants of a function, in registers from the first on.
type winVectors struct {
	names []string
	first int
}

func (c winVectors) load(f *asm.File, t neon) {
	table := asm.R(20)
	f.I("MOVD", "$"+asm.Symbol("winograd", 0), table)
	for i, name := range c.names {
		f.I("FMOVQ", asm.Mem(table, t.offset(name)), asm.V(c.first+i).F())
	}
}

func (c winVectors) of(name string) asm.V {
	if i := slices.Index(c.names, name); i >= 0 {
		return asm.V(c.first + i)
	}
	panic("no constant " + name)
}

var (
	inputVectors  = winVectors{[]string{"a", "b", "a2", "b2", "-sum", "product"}, 12}
	outputVectors = winVectors{[]string{"a", "b", "a2", "b2", "a3", "b3"}, 12}
	filterVectors = winVectors{[]string{"g", "gA", "gA1", "gA2", "gB", "gB1", "gB2"}, 7}
)

// winInput is kernel.winInput on registers 0 to 5; it returns those of the result,
// and uses 6 to 9.
func (t neon) winInput(f *asm.File) []asm.V {
	const q, r, q2, r2 = asm.V(6), asm.V(7), asm.V(8), asm.V(9)
	d := vectors(0, 6)
	c := inputVectors.of
	f.Move(d[3], q)
	f.Fmls(c("b2"), d[1], q)
	f.Move(d[3], r)
	f.Fmls(c("a2"), d[1], r)
	f.Fmla(c("product"), d[1], d[5])
	f.Fmla(c("-sum"), d[3], d[5])

	u, w := d[1], d[3]
	f.Move(d[4], u)
	f.Fmls(c("b2"), d[2], u)
	f.Move(d[4], w)
	f.Fmls(c("a2"), d[2], w)
	f.Fmla(c("product"), d[0], d[4])
	f.Fmla(c("-sum"), d[2], d[4])

	f.Move(u, q2)
	f.Fmls(c("a"), q, q2)
	f.Fmla(c("a"), q, u)
	f.Move(w, r2)
	f.Fmls(c("b"), r, r2)
	f.Fmla(c("b"), r, w)
	return []asm.V{d[4], u, q2, w, r2, d[5]}
}

// winOutput is kernel.winOutput on registers 0 to 5; it returns those of the result,
// and uses 6 to 11.
func (t neon) winOutput(f *asm.File) []asm.V {
	const s1, d1, s2, d2, y1, y2 = asm.V(6), asm.V(7), asm.V(8), asm.V(9), asm.V(10), asm.V(11)
	m := vectors(0, 6)
	c := outputVectors.of
	f.Fadd(m[2], m[1], s1)
	f.Fsub(m[2], m[1], d1)
	f.Fadd(m[4], m[3], s2)
	f.Fsub(m[4], m[3], d2)
	f.Fadd(s1, m[0], m[0])
	f.Fadd(s2, m[0], m[0])
	f.Fmul(c("a"), d1, y1)
	f.Fmla(c("b"), d2, y1)
	f.Fmul(c("a2"), s1, y2)
	f.Fmla(c("b2"), s2, y2)
	f.Fmla(c("a3"), d1, m[5])
	f.Fmla(c("b3"), d2, m[5])
	return []asm.V{m[0], y1, y2, m[5]}
}

// pass transforms six vectors at a time, four times: in and out are the places of
// vector i in the first of the four, which lie together.
func (t neon) pass(f *asm.File, transform func(*asm.File) []asm.V, in, out func(i int) (base string, at int)) {
	for vec := range winChannels / t.lanes {
		for i := range 6 {
			base, at := in(i)
			f.I("FMOVQ", asm.Mem(base, at+16*vec), asm.V(i).F())
		}
		for i, v := range transform(f) {
			base, at := out(i)
			f.I("FMOVQ", v.F(), asm.Mem(base, at+16*vec))
		}
	}
}

// addresses are the six of a pass.
func addresses(i int) (base string, at int) { return asm.R(9 + i), 0 }

// strided sets the six to first, first + stride and so on, and first to what follows.
func strided(f *asm.File, first, stride string) {
	at := func(i int) string { base, _ := addresses(i); return base }
	f.I("MOVD", first, at(0))
	for i := 1; i < 6; i++ {
		f.I("ADD", stride, at(i-1), at(i))
	}
	f.I("ADD", stride, at(5), first)
}

// columnTo and rowFrom are the places in temp, to which reg points: with so many rows,
// the next of column reg, and row reg of all columns.
func columnTo(reg string) func(i int) (string, int) {
	return func(i int) (string, int) { return reg, 4 * winChannels * i }
}

func rowFrom(reg string, rows int) func(i int) (string, int) {
	return func(i int) (string, int) { return reg, 4 * winChannels * rows * i }
}

// repeat writes a loop.
func repeat(f *asm.File, label string, count string, n int, body func()) {
	f.I("MOVD", asm.Imm(n), count)
	f.Label(label)
	body()
	f.I("SUB", asm.Imm(1), count)
	f.I("CBNZ", count, label)
}

func (t neon) patch(f *asm.File) {
	offsets, x, zero, channel, temp := asm.R(1), asm.R(2), asm.R(3), asm.R(4), asm.R(5)
	dst, stride, end, count, at, out := asm.R(6), asm.R(7), asm.R(8), asm.R(15), asm.R(20), asm.R(21)
	f.Func("patch"+t.name, 0, 8, "func patch"+t.name+"(p *patch)")
	f.I("MOVD", asm.Arg("p", 0), self)
	field(f, "patch_x", x)
	field(f, "patch_zero", zero)
	field(f, "patch_temp", temp)
	field(f, "patch_dst", dst)
	field(f, "patch_stride", stride)
	f.I("LSL", asm.Imm(2), stride)
	field(f, "patch_channels", end)
	f.I("LSL", asm.Imm(2), end)
	f.I("MOVD", "ZR", channel)
	inputVectors.load(f, t)

	f.Label("channels")
	field(f, "patch_offsets", offsets)
	f.I("MOVD", temp, at)
	repeat(f, "column", count, 6, func() {
		for row := range 6 {
			pixel, _ := addresses(row)
			f.I("MOVW", asm.Mem(offsets, 4*6*row), pixel)
			address(f, pixel, x, zero)
			f.I("ADD", channel, pixel)
		}
		f.I("ADD", asm.Imm(4), offsets)
		t.pass(f, t.winInput, addresses, columnTo(at))
		f.I("ADD", asm.Imm(4*winChannels*6), at)
	})
	f.I("ADD", channel, dst, out)
	f.I("MOVD", temp, at)
	repeat(f, "row", count, 6, func() {
		strided(f, out, stride)
		t.pass(f, t.winInput, rowFrom(at, 6), addresses)
		f.I("ADD", asm.Imm(4*winChannels), at)
	})
	f.I("ADD", asm.Imm(4*winChannels), channel)
	f.I("CMP", end, channel)
	f.I("BLT", "channels")
	f.I("RET")
}

func (t neon) unpatch(f *asm.File) {
	src, dst, temp, stride, row6, pixels := asm.R(1), asm.R(2), asm.R(3), asm.R(4), asm.R(5), asm.R(6)
	in, halves, count, at, out := asm.R(7), asm.R(8), asm.R(15), asm.R(20), asm.R(21)
	f.Func("unpatch"+t.name, 0, 8, "func unpatch"+t.name+"(p *unpatch)")
	f.I("MOVD", asm.Arg("p", 0), self)
	field(f, "unpatch_src", src)
	field(f, "unpatch_dst", dst)
	field(f, "unpatch_temp", temp)
	field(f, "unpatch_stride", stride)
	f.I("LSL", asm.Imm(2), stride)
	f.I("ADD", asm.Shifted(stride, 1), stride, row6)
	f.I("LSL", asm.Imm(1), row6)
	field(f, "unpatch_row", pixels)
	f.I("LSL", asm.Imm(2), pixels)
	outputVectors.load(f, t)

	repeat(f, "channels", halves, 32/winChannels, func() {
		f.I("MOVD", src, in)
		f.I("MOVD", temp, at)
		repeat(f, "column", count, 6, func() {
			f.I("MOVD", in, out)
			strided(f, out, row6)
			f.I("ADD", stride, in)
			t.pass(f, t.winOutput, addresses, columnTo(at))
			f.I("ADD", asm.Imm(4*winChannels*4), at)
		})
		f.I("MOVD", dst, out)
		f.I("MOVD", temp, at)
		repeat(f, "row", count, 4, func() {
			pixel := func(i int) (string, int) { return out, 4 * 32 * i }
			t.pass(f, t.winOutput, rowFrom(at, 4), pixel)
			f.I("ADD", asm.Imm(4*winChannels), at)
			f.I("ADD", pixels, out)
		})
		f.I("ADD", asm.Imm(4*winChannels), src)
		f.I("ADD", asm.Imm(4*winChannels), dst)
	})
	f.I("RET")
}

// winograd writes the transforms to a file of their own.
func (t neon) winograd() *asm.File {
	f := asm.New(command, "!purego")
	t.patch(f)
	t.unpatch(f)
	t.weights(f)
	t.winTable(f)
	return f
}
