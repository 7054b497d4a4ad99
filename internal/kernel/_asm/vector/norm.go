package main

import "sdgo/internal/kernel/_asm/asm"

// norms writes the sums and the affine maps of the normalisations.
func (t *target) norms() {
	t.sumChannels()
	t.sumRow()
	t.normaliseRows("normaliseRows", func(string) {})
	t.normaliseRows("normaliseRowsSiLU", t.silu)
	t.normaliseRow()
}

// Sixteen values are taken in float64: registers 0 up hold the sums, those
// after them the sums of squares.
func (t *target) doubles() int           { return lanes / (t.width / 2) }
func (t *target) sumReg(i int) string    { return t.reg(i) }
func (t *target) squareReg(i int) string { return t.reg(t.doubles() + i) }

// accumulate adds the 16 values at base and their squares to the registers.
// The product of two float32s is exact, so fusing it changes nothing.
func (t *target) accumulate(base, index string) {
	for i := range t.doubles() {
		x := t.reg(2*t.doubles() + i)
		t.I("VCVTPS2PD", asm.MemIndex(base, t.bytes()/2*i, index, 4), x)
		t.I("VADDPD", x, t.sumReg(i), t.sumReg(i))
		t.I("VFMADD231PD", x, x, t.squareReg(i))
	}
}

// eachDouble writes op for the registers and where they are kept in memory.
func (t *target) eachDouble(sums, squares string, op func(reg, at string)) {
	for i := range t.doubles() {
		op(t.sumReg(i), asm.Mem(sums, t.bytes()*i))
		op(t.squareReg(i), asm.Mem(squares, t.bytes()*i))
	}
}

// sumChannels writes the statistics of n channels over pixels that are stride
// bytes apart. Four pixels at a time share the traffic of the sums, which stay
// in the first-level cache.
func (t *target) sumChannels() {
	t.begin("sumChannels", nil, param{"sums", "*float64", "R8"}, param{"squares", "*float64", "R9"},
		pointer("x", "SI"), number("n", "CX"), number("pixels", "BX"), number("stride", "DX"))
	rows := []string{"SI", "R10", "R11", "R12"}

	pass := func(label string, pixels int) {
		t.Label(label)
		t.I("CMPQ", "BX", asm.Imm(pixels))
		t.I("JLT", label+"End")
		for i := 1; i < pixels; i++ {
			t.I("LEAQ", "("+rows[i-1]+")(DX*1)", rows[i])
		}
		t.I("MOVQ", "R8", "DI")
		t.I("MOVQ", "R9", "R13")
		t.I("XORL", "AX", "AX")
		t.Label(label + "Channels")
		t.eachDouble("DI", "R13", func(reg, at string) { t.I("VMOVUPD", at, reg) })
		for _, row := range rows[:pixels] {
			t.accumulate(row, "AX")
		}
		t.eachDouble("DI", "R13", func(reg, at string) { t.I("VMOVUPD", reg, at) })
		t.I("ADDQ", asm.Imm(8*lanes), "DI")
		t.I("ADDQ", asm.Imm(8*lanes), "R13")
		t.I("ADDQ", asm.Imm(lanes), "AX")
		t.I("CMPQ", "AX", "CX")
		t.I("JLT", label+"Channels")
		t.I("LEAQ", "("+rows[pixels-1]+")(DX*1)", "SI")
		t.I("SUBQ", asm.Imm(pixels), "BX")
		t.I("JMP", label)
		t.Label(label + "End")
	}
	pass("four", 4)
	pass("one", 1)
	t.end()
}

// sumRow writes the sums of a row in 16 lanes.
func (t *target) sumRow() {
	t.begin("sumRow", nil, param{"sums", "*rowSums", "R8"}, pointer("x", "SI"), number("n", "CX"))
	t.I("LEAQ", asm.Mem("R8", 8*lanes), "R9")
	for i := range 2 * t.doubles() {
		t.I("VXORPS", asm.X(i), asm.X(i), asm.X(i))
	}
	t.I("XORL", "DX", "DX")
	t.Label("elements")
	t.accumulate("SI", "DX")
	t.I("ADDQ", asm.Imm(lanes), "DX")
	t.I("CMPQ", "DX", "CX")
	t.I("JLT", "elements")
	t.eachDouble("R8", "R9", func(reg, at string) { t.I("VMOVUPD", reg, at) })
	t.end()
}

// normaliseRows writes act((x - mean)·scale + shift) for n channels of rows
// that are stride bytes apart.
func (t *target) normaliseRows(name string, act func(x string)) {
	t.begin(name, nil, pointer("dst", "DI"), pointer("x", "SI"), pointer("mean", "R8"), pointer("scale", "R9"),
		pointer("shift", "R10"), number("n", "CX"), number("rows", "BX"), number("stride", "R11"))
	x, scale := t.reg(0), t.reg(5)
	t.loadAct()
	t.Label("row")
	t.elements(func() {
		t.I("VMOVUPS", "(SI)(DX*4)", x)
		t.I("VMOVUPS", "(R9)(DX*4)", scale)
		t.I("VSUBPS", "(R8)(DX*4)", x, x)
		t.I("VFMADD213PS", "(R10)(DX*4)", scale, x)
		act(x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.I("ADDQ", "R11", "SI")
	t.I("ADDQ", "R11", "DI")
	t.I("DECQ", "BX")
	t.I("JNZ", "row")
	t.end()
}

// normaliseRow writes ((x - mean)·scale + shift)·gamma + beta.
func (t *target) normaliseRow() {
	t.begin("normaliseRow", nil, pointer("dst", "DI"), pointer("x", "SI"), pointer("gamma", "R8"), pointer("beta", "R9"),
		number("n", "CX"), float("mean"), float("scale"), float("shift"))
	x, gamma, mean, scale, shift := t.reg(0), t.reg(1), t.reg(2), t.reg(3), t.reg(4)
	t.I("VBROADCASTSS", "mean+40(FP)", mean)
	t.I("VBROADCASTSS", "scale+44(FP)", scale)
	t.I("VBROADCASTSS", "shift+48(FP)", shift)
	t.elements(func() {
		t.I("VMOVUPS", "(SI)(DX*4)", x)
		t.I("VMOVUPS", "(R8)(DX*4)", gamma)
		t.I("VSUBPS", mean, x, x)
		t.I("VFMADD213PS", shift, scale, x)
		t.I("VFMADD213PS", "(R9)(DX*4)", gamma, x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()
}
