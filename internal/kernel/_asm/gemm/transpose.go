package main

import "sdgo/internal/kernel/_asm/asm"

// transposeSignature has strides in float32s.
const transposeSignature = "func transpose8AVX2(dst *float32, dstStride int, src *float32, srcStride, blocks int)"

// transpose writes the transposition of 8 rows in blocks of 8 columns: packing
// queries, values and weights is this and nothing else.
func transpose(f *asm.File) {
	const src, far, stride, stride3, blocks = "AX", "BX", "CX", "DX", "DI"
	const dst, dstFar, dstStride, dstStride3 = "SI", "R8", "R9", "R10"
	f.Func("transpose8AVX2", 0, 40, transposeSignature)
	f.I("MOVQ", asm.Arg("dst", 0), dst)
	f.I("MOVQ", asm.Arg("dstStride", 8), dstStride)
	f.I("MOVQ", asm.Arg("src", 16), src)
	f.I("MOVQ", asm.Arg("srcStride", 24), stride)
	f.I("MOVQ", asm.Arg("blocks", 32), blocks)
	for _, s := range [][2]string{{stride, stride3}, {dstStride, dstStride3}} {
		f.I("SHLQ", asm.Imm(2), s[0])
		f.I("LEAQ", "("+s[0]+")("+s[0]+"*2)", s[1])
	}
	f.I("LEAQ", "("+src+")("+stride+"*4)", far)

	f.Label("block")
	f.I("LEAQ", "("+dst+")("+dstStride+"*4)", dstFar)
	row := func(base string, r, disp int, stride, stride3 string) string {
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
			f.I("VMOVUPS", row(src, r, 16*half, stride, stride3), asm.X(r))
			f.I("VINSERTF128", asm.Imm(1), row(far, r, 16*half, stride, stride3), asm.Y(r), asm.Y(r))
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
			f.I("VMOVUPS", asm.Y(r), row([]string{dst, dstFar}[half], r, 0, dstStride, dstStride3))
		}
	}
	f.I("ADDQ", asm.Imm(4*8), src)
	f.I("ADDQ", asm.Imm(4*8), far)
	f.I("LEAQ", "("+dst+")("+dstStride+"*8)", dst)
	f.I("DECQ", blocks)
	f.I("JNZ", "block")
	f.I("VZEROUPPER")
	f.I("RET")
}
