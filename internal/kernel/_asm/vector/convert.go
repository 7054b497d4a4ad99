package main

import "sdgo/internal/kernel/_asm/asm"

// conversions writes what changes the type of numbers.
func (t *target) conversions() {
	x := t.reg(0)
	t.begin("widenHalves", nil, pointer("dst", "DI"), halves("src", "SI"), number("n", "CX"))
	t.elements(func() {
		t.I("VCVTPH2PS", "(SI)(DX*2)", x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()

	t.begin("narrowHalves", nil, halves("dst", "DI"), pointer("src", "SI"), number("n", "CX"))
	t.elements(func() {
		t.I("VMOVUPS", "(SI)(DX*4)", x)
		t.I("VCVTPS2PH", "$0", x, "(DI)(DX*2)")
	})
	t.end()
}

func halves(name, reg string) param { return param{name, "*uint16", reg} }

// rounded writes what the products with factors of less than float32 need, for
// processors that have instructions for them, and AVX-512.
func (t *target) rounded() {
	if !t.avx512() {
		return
	}
	t.roundBFloat16s()
	t.roundTile()
	t.largest()
	t.quantise()
	t.dequantise()
}

func (t *target) roundBFloat16s() {
	t.begin("roundBFloat16s", nil, halves("dst", "DI"), pointer("src", "SI"), number("n", "CX"))
	t.elements(func() {
		t.I("VMOVUPS", "(SI)(DX*4)", "Z0")
		asm.VCVTNEPS2BF16(t.File, "Z0", "Z0")
		t.I("VMOVDQU", "Y0", "(DI)(DX*2)")
	})
	t.end()
}

// roundTile writes the rows of a tile [rows][32], which go stride apart.
func (t *target) roundTile() {
	t.begin("roundTile", nil, halves("dst", "DI"), pointer("src", "SI"), number("rows", "CX"), number("stride", "BX"))
	t.I("SHLQ", asm.Imm(1), "BX")
	t.Label("row")
	t.I("VMOVUPS", "(SI)", "Z0")
	t.I("VMOVUPS", "64(SI)", "Z1")
	asm.VCVTNE2PS2BF16(t.File, "Z0", "Z1", "Z0")
	t.I("VMOVUPS", "Z0", "(DI)")
	t.I("ADDQ", asm.Imm(rowBytes), "SI")
	t.I("ADDQ", "BX", "DI")
	t.I("DECQ", "CX")
	t.I("JNZ", "row")
	t.end()
}

// largest writes the largest magnitude, by bits: NaN is above infinity.
func (t *target) largest() {
	t.begin("largest", []string{"max"}, pointer("x", "SI"), number("n", "CX"))
	t.I("MOVL", asm.Imm(0x7fffffff), "AX")
	t.I("VPBROADCASTD", "AX", "Z1")
	t.I("VPXORD", "Z2", "Z2", "Z2")
	t.elements(func() {
		t.I("VPANDD", "(SI)(DX*4)", "Z1", "Z0")
		t.I("VPMAXUD", "Z0", "Z2", "Z2")
	})
	t.I("VEXTRACTI64X4", asm.Imm(1), "Z2", "Y0")
	t.I("VPMAXUD", "Y0", "Y2", "Y2")
	t.I("VEXTRACTI128", asm.Imm(1), "Y2", "X0")
	t.I("VPMAXUD", "X0", "X2", "X2")
	for _, order := range []int{0b1110, 0b01} {
		t.I("VPSHUFD", asm.Imm(order), "X2", "X0")
		t.I("VPMAXUD", "X0", "X2", "X2")
	}
	t.I("VMOVSS", "X2", "max+16(FP)")
	t.end()
}

func (t *target) quantise() {
	t.begin("quantise", nil, param{"dst", "*uint8", "DI"}, pointer("src", "SI"), number("n", "CX"), float("inverse"))
	t.I("VBROADCASTSS", "inverse+24(FP)", "Z1")
	t.I("MOVL", asm.Imm(128), "AX")
	t.I("VPBROADCASTD", "AX", "Z2")
	t.elements(func() {
		t.I("VMULPS", "(SI)(DX*4)", "Z1", "Z0")
		t.I("VCVTPS2DQ", "Z0", "Z0")
		t.I("VPADDD", "Z2", "Z0", "Z0")
		t.I("VPMOVDB", "Z0", "(DI)(DX*1)")
	})
	t.end()
}

// dequantise writes the sums of a tile [rows][32], less the correction of each column,
// times the scales of column and row.
func (t *target) dequantise() {
	t.begin("dequantise", nil, pointer("c", "DI"), pointer("scales", "SI"), param{"corrections", "*int32", "BX"},
		pointer("rowScales", "R8"), number("rows", "CX"))
	t.I("VMOVUPS", "(SI)", "Z4")
	t.I("VMOVUPS", "64(SI)", "Z5")
	t.I("VMOVDQU32", "(BX)", "Z6")
	t.I("VMOVDQU32", "64(BX)", "Z7")
	t.Label("row")
	t.I("VBROADCASTSS", "(R8)", "Z2")
	for i := range 2 {
		z, at := asm.Z(i), asm.Mem("DI", 64*i)
		t.I("VMOVDQU32", at, z)
		t.I("VPSUBD", asm.Z(6+i), z, z)
		t.I("VCVTDQ2PS", z, z)
		t.I("VMULPS", asm.Z(4+i), z, z)
		t.I("VMULPS", "Z2", z, z)
		t.I("VMOVUPS", z, at)
	}
	t.I("ADDQ", asm.Imm(4*32), "DI")
	t.I("ADDQ", asm.Imm(4), "R8")
	t.I("DECQ", "CX")
	t.I("JNZ", "row")
	t.end()
}
