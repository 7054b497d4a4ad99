package main

import (
	"slices"

	"sdgo/internal/kernel/_asm/asm"
)

// weights writes the transform of filters whose weights have a format. With 32
// registers the constants and what is half done stay in them. With pairs, two rows of
// weights become one of pairs of bfloat16: the first waits for the second at its place.
//
// In one piece: it writes one function, whose registers all its parts share.
func (t target) weights(f *asm.File, format weightFormat) {
	const tap, dst, stride, count, out = "AX", "BX", "CX", "DX", "SI"
	rows := []string{"R8", "R9", "R10"} // the first taps of the filter's rows
	bytes := t.lanes * format.size
	name := t.weightsName(format)
	many := t.regs == 32
	frame := 0
	if !many {
		frame = 18 * 4 * t.lanes
	}
	f.Func(name, frame, 8, "func "+name+"(w *weights)")
	f.I("MOVQ", asm.Arg("w", 0), "DI")
	f.I("MOVQ", "weights_tap(DI)", tap)
	f.I("IMULQ", asm.Imm(format.size), tap)
	f.I("MOVQ", "weights_src(DI)", rows[0])
	f.I("LEAQ", "("+tap+")("+tap+"*2)", out)
	f.I("LEAQ", asm.MemIndex(rows[0], 0, out, 1), rows[1])
	f.I("LEAQ", asm.MemIndex(rows[0], 0, out, 2), rows[2])
	f.I("MOVQ", "weights_dst(DI)", dst)
	f.I("MOVQ", "weights_stride(DI)", stride)
	f.I("SHLQ", asm.Imm(2), stride)
	f.I("MOVQ", "weights_channels(DI)", count)
	if t.pairs {
		f.I("SHRQ", asm.Imm(1), count)
	} else {
		f.I("IMULQ", asm.Imm(32/t.lanes), count)
	}

	constant := t.constant
	half := func(col, i int) string { return asm.Local("half", frame-4*t.lanes*(6*col+i)) }
	if many {
		half = func(col, i int) string { return t.reg(14 + 6*col + i) }
		names := []string{"g", "gA", "gA1", "gA2", "gB", "gB1", "gB2"}
		for i, c := range names {
			f.I("VMOVUPS", t.constant(c), t.reg(7+i))
		}
		constant = func(name string) string { return t.reg(7 + slices.Index(names, name)) }
	}
	// row is kernel.winFilter; put takes the results, which are in registers 3 to
	// 6 and g2.
	row := func(g0, g1, g2 string, put func(i int, v string)) {
		f.I("VMULPS", constant("g"), g0, t.reg(3))
		put(0, t.reg(3))
		for i, point := range []string{"gA", "gB"} {
			plus, minus := t.reg(4+i), t.reg(6-3*i)
			f.I("VMULPS", constant(point), g0, plus)
			f.I("VFMADD231PS", constant(point+"2"), g2, plus)
			f.I("VMOVAPS", plus, minus)
			f.I("VFMADD231PS", constant(point+"1"), g1, plus)
			put(1+2*i, plus)
			f.I("VFNMADD231PS", constant(point+"1"), g1, minus)
			put(2+2*i, minus)
		}
		put(5, g2)
	}

	// vector is the transform of a vector of the taps so far behind a row's pointer, which
	// store puts to the 36 places of out.
	vector := func(behind int, store func(v string)) {
		for col := range 3 {
			for y, r := range rows {
				format.load(f, []string{asm.Mem(r, behind), asm.MemIndex(r, behind, tap, 1), asm.MemIndex(r, behind, tap, 2)}[col], t.reg(y))
			}
			row(t.reg(0), t.reg(1), t.reg(2), func(i int, v string) { f.I("VMOVUPS", v, half(col, i)) })
		}
		f.I("MOVQ", dst, out)
		if t.pairs {
			t.loadPairs(f)
		}
		for y := range 6 {
			g := []string{half(0, y), half(1, y), half(2, y)}
			if !many {
				for i := range g {
					f.I("VMOVUPS", g[i], t.reg(i))
					g[i] = t.reg(i)
				}
			}
			row(g[0], g[1], g[2], func(i int, v string) {
				store(v)
				if y < 5 || i < 5 {
					f.I("ADDQ", stride, out)
				}
			})
		}
	}

	f.Label("vectors")
	read, written := bytes, 4*t.lanes
	if t.pairs { // of two rows, which are two vectors
		read, written = 4*bytes, 8*t.lanes
		for i := range 2 {
			to := asm.Mem(out, 4*t.lanes*i)
			vector(i*bytes, func(v string) { f.I("VMOVUPS", v, to) })
			vector((2+i)*bytes, func(v string) { t.pair(f, v, to) })
		}
	} else {
		vector(0, func(v string) { f.I("VMOVUPS", v, asm.Mem(out, 0)) })
	}
	for _, r := range rows {
		f.I("ADDQ", asm.Imm(read), r)
	}
	f.I("ADDQ", asm.Imm(written), dst)
	f.I("DECQ", count)
	f.I("JNZ", "vectors")
	f.I("VZEROUPPER")
	f.I("RET")
}

func (t target) weightsName(format weightFormat) string { return "weights" + format.name + t.name }
