package main

import (
	"fmt"

	"sdgo/internal/kernel/_asm/asm"
)

// The constants of kernel/winograd.go, each repeated over a vector.
const (
	winA, winB   = 3.0 / 4, 3.0 / 2
	winA2, winB2 = winA * winA, winB * winB

	winScale0 = 1 / (winA2 * winB2)
	winScaleA = 1 / (2 * winA2 * (winA2 - winB2))
	winScaleB = 1 / (2 * winB2 * (winB2 - winA2))
)

var winConstants = []struct {
	name  string
	value float32
}{
	{"a", winA}, {"-a", -winA}, {"b", winB}, {"-b", -winB},
	{"a2", winA2}, {"-a2", -winA2}, {"b2", winB2}, {"-b2", -winB2},
	{"a3", winA2 * winA}, {"b3", winB2 * winB},
	{"-sum", -(winA2 + winB2)}, {"product", winA2 * winB2},

	{"g", winScale0},
	{"gA", winScaleA}, {"gA1", winScaleA * winA}, {"gA2", winScaleA * winA2},
	{"gB", winScaleB}, {"gB1", winScaleB * winB}, {"gB2", winScaleB * winB2},
}

func (t target) winTable(f *asm.File) {
	var values []float32
	for _, c := range winConstants {
		for range t.lanes {
			values = append(values, c.value)
		}
	}
	f.Float32s("winograd", values...)
}

// constant is the memory operand of a constant.
func (t target) constant(name string) string { return asm.Symbol("winograd", t.offset(name)) }

// offset is where a constant is in the table.
func (t target) offset(name string) int {
	for i, c := range winConstants {
		if c.name == name {
			return 4 * t.lanes * i
		}
	}
	panic("no constant " + name)
}

// winInput is kernel.winInput on registers 0 to 5; it returns those of the
// result, and uses 6 to 11.
func (t target) winInput(f *asm.File) []string {
	d := func(i int) string { return t.reg(i) }
	u, q, w, r, q2, r2 := t.reg(6), t.reg(7), t.reg(8), t.reg(9), t.reg(10), t.reg(11)
	for _, x := range []struct{ dst, x, c, y string }{
		{u, d(2), "-b2", d(4)}, {q, d(1), "-b2", d(3)}, {w, d(2), "-a2", d(4)}, {r, d(1), "-a2", d(3)},
		{q2, q, "-a", u}, {r2, r, "-b", w},
	} {
		f.I("VMOVAPS", x.x, x.dst)
		f.I("VFMADD132PS", t.constant(x.c), x.y, x.dst)
	}
	f.I("VFMADD132PS", t.constant("a"), u, q)
	f.I("VFMADD132PS", t.constant("b"), w, r)
	f.I("VFMADD132PS", t.constant("product"), d(4), d(0))
	f.I("VFMADD231PS", t.constant("-sum"), d(2), d(0))
	f.I("VFMADD132PS", t.constant("product"), d(5), d(1))
	f.I("VFMADD231PS", t.constant("-sum"), d(3), d(1))
	return []string{d(0), q, q2, r, r2, d(1)}
}

// patch writes the input transform: columns first, into temp, then rows. With pairs, it
// stores bfloat16.
func (t target) patch(f *asm.File) {
	const offsets, x, zero, channel, temp, dst, stride, end = "AX", "BX", "CX", "DX", "SI", "R8", "R9", "R10"
	const at, out = "R11", "R12"
	f.Func("patch"+t.name, 0, 8, "func patch"+t.name+"(p *patch)")
	f.I("MOVQ", asm.Arg("p", 0), "DI")
	f.I("MOVQ", "patch_offsets(DI)", offsets)
	f.I("MOVQ", "patch_x(DI)", x)
	f.I("MOVQ", "patch_zero(DI)", zero)
	f.I("MOVQ", "patch_temp(DI)", temp)
	f.I("MOVQ", "patch_dst(DI)", dst)
	f.I("MOVQ", "patch_stride(DI)", stride)
	f.I("SHLQ", asm.Imm(2), stride)
	f.I("MOVQ", "patch_channels(DI)", end)
	f.I("SHLQ", asm.Imm(2), end)
	f.I("XORL", channel, channel)

	f.Label("channels")
	for col := range 6 {
		for row := range 6 {
			f.I("MOVLQSX", asm.Mem(offsets, 4*(6*row+col)), at)
			f.I("TESTQ", at, at)
			f.I("LEAQ", asm.MemIndex(x, 0, at, 4), at)
			f.I("CMOVQLT", zero, at)
			f.I("VMOVUPS", asm.MemIndex(at, 0, channel, 1), t.reg(row))
		}
		for row, v := range t.winInput(f) {
			f.I("VMOVUPS", v, asm.Mem(temp, 4*t.lanes*(6*col+row)))
		}
	}
	if t.pairs {
		f.I("MOVQ", channel, out)
		f.I("SHRQ", asm.Imm(1), out)
		f.I("ADDQ", dst, out)
	} else {
		f.I("LEAQ", asm.MemIndex(dst, 0, channel, 1), out)
	}
	for row := range 6 {
		for col := range 6 {
			f.I("VMOVUPS", asm.Mem(temp, 4*t.lanes*(6*col+row)), t.reg(col))
		}
		for _, v := range t.winInput(f) {
			if t.pairs {
				asm.VCVTNEPS2BF16(f, v, v)
				v = lower(v)
			}
			f.I("VMOVUPS", v, asm.Mem(out, 0))
			f.I("ADDQ", stride, out)
		}
	}
	f.I("ADDQ", asm.Imm(4*t.lanes), channel)
	f.I("CMPQ", channel, end)
	f.I("JLT", "channels")
	f.I("VZEROUPPER")
	f.I("RET")
}

// winOutput is kernel.winOutput on registers 0 to 5; it returns those of the
// result, and uses 6 to 11.
func (t target) winOutput(f *asm.File) []string {
	m := func(i int) string { return t.reg(i) }
	s1, d1, s2, d2, y1, y2 := t.reg(6), t.reg(7), t.reg(8), t.reg(9), t.reg(10), t.reg(11)
	f.I("VADDPS", m(2), m(1), s1)
	f.I("VSUBPS", m(2), m(1), d1)
	f.I("VADDPS", m(4), m(3), s2)
	f.I("VSUBPS", m(4), m(3), d2)
	f.I("VADDPS", s1, m(0), m(0))
	f.I("VADDPS", s2, m(0), m(0))
	f.I("VMULPS", t.constant("a"), d1, y1)
	f.I("VFMADD231PS", t.constant("b"), d2, y1)
	f.I("VMULPS", t.constant("a2"), s1, y2)
	f.I("VFMADD231PS", t.constant("b2"), s2, y2)
	f.I("VFMADD231PS", t.constant("a3"), d1, m(5))
	f.I("VFMADD231PS", t.constant("b3"), d2, m(5))
	return []string{m(0), y1, y2, m(5)}
}

// unpatch writes the output transform of 32 channels.
func (t target) unpatch(f *asm.File) {
	const src, dst, temp, stride, row6, in, count, pixels, out = "AX", "BX", "SI", "R8", "R9", "R10", "CX", "R11", "R12"
	f.Func("unpatch"+t.name, 0, 8, "func unpatch"+t.name+"(p *unpatch)")
	f.I("MOVQ", asm.Arg("p", 0), "DI")
	f.I("MOVQ", "unpatch_src(DI)", src)
	f.I("MOVQ", "unpatch_dst(DI)", dst)
	f.I("MOVQ", "unpatch_temp(DI)", temp)
	f.I("MOVQ", "unpatch_stride(DI)", stride)
	f.I("SHLQ", asm.Imm(2), stride)
	f.I("LEAQ", "("+stride+")("+stride+"*2)", row6)
	f.I("ADDQ", row6, row6)
	f.I("MOVQ", asm.Imm(32/t.lanes), count)
	f.I("MOVQ", "unpatch_row(DI)", pixels)

	f.Label("channels")
	f.I("MOVQ", src, "DX")
	for col := range 6 {
		f.I("MOVQ", "DX", in)
		for row := range 6 {
			f.I("VMOVUPS", asm.Mem(in, 0), t.reg(row))
			if row < 5 {
				f.I("ADDQ", row6, in)
			}
		}
		f.I("ADDQ", stride, "DX")
		for row, v := range t.winOutput(f) {
			f.I("VMOVUPS", v, asm.Mem(temp, 4*t.lanes*(4*col+row)))
		}
	}
	f.I("MOVQ", dst, out)
	for row := range 4 {
		for col := range 6 {
			f.I("VMOVUPS", asm.Mem(temp, 4*t.lanes*(4*col+row)), t.reg(col))
		}
		for col, v := range t.winOutput(f) {
			f.I("VMOVUPS", v, asm.Mem(out, 4*32*col))
		}
		if row < 3 {
			f.I("LEAQ", asm.MemIndex(out, 0, pixels, 4), out)
		}
	}
	f.I("ADDQ", asm.Imm(4*t.lanes), src)
	f.I("ADDQ", asm.Imm(4*t.lanes), dst)
	f.I("DECQ", count)
	f.I("JNZ", "channels")
	f.I("VZEROUPPER")
	f.I("RET")
}

// winograd writes the transforms to a file of their own.
func (t target) winograd() *asm.File {
	f := asm.New(command, "!purego")
	t.patch(f)
	if t.pairs {
		t.pairTable(f)
	} else {
		t.unpatch(f)
	}
	for _, format := range weightFormats {
		t.weights(f, format)
	}
	t.winTable(f)
	return f
}

func (t target) winogradStubs() string {
	w := fmt.Sprintf("\n//go:noescape\nfunc patch%s(p *patch)\n", t.name)
	if !t.pairs {
		w += fmt.Sprintf("\n//go:noescape\nfunc unpatch%s(p *unpatch)\n", t.name)
	}
	for _, format := range weightFormats {
		w += fmt.Sprintf("\n//go:noescape\nfunc %s(w *weights)\n", t.weightsName(format))
	}
	return w
}
