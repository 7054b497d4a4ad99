package main

import "sdgo/internal/kernel/_asm/asm"

// transpose writes the transposition of 8 rows in blocks of 8 columns: packing
// keys and weights is this and nothing else.
func transpose(f *asm.File) {
	const src, far, stride, stride3, dst, blocks = "AX", "BX", "CX", "DX", "SI", "DI"
	f.Func("transpose8AVX2", 0, 32, "func transpose8AVX2(dst, src *float32, stride, blocks int)")
	f.I("MOVQ", asm.Arg("dst", 0), dst)
	f.I("MOVQ", asm.Arg("src", 8), src)
	f.I("MOVQ", asm.Arg("stride", 16), stride)
	f.I("MOVQ", asm.Arg("blocks", 24), blocks)
	f.I("SHLQ", asm.Imm(2), stride)
	f.I("LEAQ", "("+stride+")("+stride+"*2)", stride3)
	f.I("LEAQ", "("+src+")("+stride+"*4)", far)

	f.Label("block")
	row := func(base string, r, disp int) string {
		switch r {
		case 0:
			return asm.Mem(base, disp)
		case 3:
			return asm.MemIndex(base, disp, stride3, 1)
		}
		return asm.MemIndex(base, disp, stride, r)
	}
	for half := range 2 {
		f.Comment("Columns of 4 rows in the lower and of the 4 others in the upper half.")
		for r := range 4 {
			f.I("VMOVUPS", row(src, r, 16*half), asm.X(r))
			f.I("VINSERTF128", asm.Imm(1), row(far, r, 16*half), asm.Y(r), asm.Y(r))
		}
		f.I("VUNPCKLPS", asm.Y(1), asm.Y(0), asm.Y(4))
		f.I("VUNPCKHPS", asm.Y(1), asm.Y(0), asm.Y(5))
		f.I("VUNPCKLPS", asm.Y(3), asm.Y(2), asm.Y(6))
		f.I("VUNPCKHPS", asm.Y(3), asm.Y(2), asm.Y(7))
		f.I("VUNPCKLPD", asm.Y(6), asm.Y(4), asm.Y(0))
		f.I("VUNPCKHPD", asm.Y(6), asm.Y(4), asm.Y(1))
		f.I("VUNPCKLPD", asm.Y(7), asm.Y(5), asm.Y(2))
		f.I("VUNPCKHPD", asm.Y(7), asm.Y(5), asm.Y(3))
		for r := range 4 {
			f.I("VMOVUPS", asm.Y(r), asm.Mem(dst, 4*32*(4*half+r)))
		}
	}
	f.I("ADDQ", asm.Imm(4*8), src)
	f.I("ADDQ", asm.Imm(4*8), far)
	f.I("ADDQ", asm.Imm(4*32*8), dst)
	f.I("DECQ", blocks)
	f.I("JNZ", "block")
	f.I("VZEROUPPER")
	f.I("RET")
}
