package main

import (
	"sdgo/internal/kernel/_asm/asm"
)

// neonFormats are the formats of weights, as weightFormats.
var neonFormats = []struct {
	weightFormat
	op    string // loads four of them
	widen func(f *asm.File, v asm.V)
}{
	{weightFormats[0], "FMOVQ.P", func(*asm.File, asm.V) {}},
	{weightFormats[1], "FMOVD.P", func(f *asm.File, v asm.V) { f.Fcvtl4s(v, v) }},
}

// weights writes the transforms of filters, as target.weights does with 32 registers.
func (t neon) weights(f *asm.File) {
	for _, format := range neonFormats {
		tap := func(i int) string { return asm.R(1 + i) } // to the nine taps
		dst, stride, count, out := asm.R(10), asm.R(11), asm.R(12), asm.R(13)
		name := t.weightsName(format.weightFormat)
		f.Func(name, 0, 8, "func "+name+"(w *weights)")
		f.I("MOVD", asm.Arg("w", 0), self)
		field(f, "weights_tap", stride)
		field(f, "weights_src", tap(0))
		for i := 1; i < 9; i++ {
			f.I("ADD", asm.Shifted(stride, format.size/2), tap(i-1), tap(i))
		}
		field(f, "weights_dst", dst)
		field(f, "weights_stride", stride)
		f.I("LSL", asm.Imm(2), stride)
		field(f, "weights_channels", count)
		f.I("LSL", asm.Imm(3), count) // vectors of 4 in 32 columns
		filterVectors.load(f, t)

		f.Label("vectors")
		half := func(col int) []asm.V { return vectors(14+6*col, 6) }
		for col := range 3 {
			u := half(col)
			g := []asm.V{0, 1, u[5]}
			for y, v := range g {
				f.I(format.op, asm.Mem(tap(3*y+col), 4*format.size), v.F())
				format.widen(f, v)
			}
			t.winFilter(f, g[0], g[1], g[2], u[:5])
		}
		f.I("MOVD", dst, out)
		for y := range 6 {
			u := vectors(0, 5)
			t.winFilter(f, half(0)[y], half(1)[y], half(2)[y], u)
			for i, v := range append(u, half(2)[y]) {
				f.I("FMOVQ", v.F(), asm.Mem(out, 0))
				if y < 5 || i < 5 {
					f.I("ADD", stride, out)
				}
			}
		}
		f.I("ADD", asm.Imm(4*t.lanes), dst)
		f.I("SUB", asm.Imm(1), count)
		f.I("CBNZ", count, "vectors")
		f.I("RET")
	}
}

// winFilter is kernel.winFilter: u gets the first five of its results, the sixth is g2.
func (t neon) winFilter(f *asm.File, g0, g1, g2 asm.V, u []asm.V) {
	c := filterVectors.of
	f.Fmul(c("g"), g0, u[0])
	for i, point := range []string{"gA", "gB"} {
		plus, minus := u[1+2*i], u[2+2*i]
		f.Fmul(c(point), g0, plus)
		f.Fmla(c(point+"2"), g2, plus)
		f.Move(plus, minus)
		f.Fmla(c(point+"1"), g1, plus)
		f.Fmls(c(point+"1"), g1, minus)
	}
}
