package main

import (
	"fmt"

	"sdgo/internal/kernel/_asm/asm"
)

// sumCols are the widths of a tile that the epilogue has vectors for.
var sumCols = []int{16, 32}

func (t target) sumName(cols int) string { return fmt.Sprintf("sum%d%s", cols, t.name) }

// sum writes the additions of an epilogue: a row is in registers while what is
// not nil is added to it.
func (t target) sum(f *asm.File, cols int) {
	const src, dst, residual, bias, perSample, stride, rows = "AX", "BX", "CX", "DX", "SI", "R8", "R9"
	name := t.sumName(cols)
	f.Func(name, 0, 8, "func "+name+"(s *sum)")
	f.I("MOVQ", asm.Arg("s", 0), "DI")
	f.I("MOVQ", "sum_src(DI)", src)
	f.I("MOVQ", "sum_dst(DI)", dst)
	f.I("MOVQ", "sum_residual(DI)", residual)
	f.I("MOVQ", "sum_bias(DI)", bias)
	f.I("MOVQ", "sum_perSample(DI)", perSample)
	f.I("MOVQ", "sum_stride(DI)", stride)
	f.I("SHLQ", asm.Imm(2), stride)
	f.I("MOVQ", "sum_skip(DI)", rows)
	f.I("MOVQ", rows, "R10")
	f.I("SHLQ", asm.Imm(7), rows) // 32 columns of 4 bytes
	f.I("ADDQ", rows, src)
	f.I("IMULQ", stride, "R10")
	f.I("ADDQ", "R10", dst)
	f.I("MOVQ", "sum_rows(DI)", rows)
	f.I("TESTQ", residual, residual)
	f.I("JZ", "row")
	f.I("ADDQ", "R10", residual)

	each := func(op func(j, at int)) {
		for j := range cols / t.lanes {
			op(j, 4*t.lanes*j)
		}
	}
	f.Label("row")
	each(func(j, at int) { f.I("VMOVUPS", asm.Mem(src, at), t.reg(j)) })
	for _, x := range []struct{ reg, label string }{{bias, "perSample"}, {perSample, "residual"}, {residual, "store"}} {
		f.I("TESTQ", x.reg, x.reg)
		f.I("JZ", x.label)
		each(func(j, at int) { f.I("VADDPS", asm.Mem(x.reg, at), t.reg(j), t.reg(j)) })
		if x.reg == residual {
			f.I("ADDQ", stride, residual)
		}
		f.Label(x.label)
	}
	each(func(j, at int) { f.I("VMOVUPS", t.reg(j), asm.Mem(dst, at)) })
	f.I("ADDQ", asm.Imm(4*32), src)
	f.I("ADDQ", stride, dst)
	f.I("DECQ", rows)
	f.I("JNZ", "row")
	f.I("VZEROUPPER")
	f.I("RET")
}
