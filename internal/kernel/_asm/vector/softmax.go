package main

import "sdgo/internal/kernel/_asm/asm"

// softmax writes one step of the online softmax by the steps of
// softmaxRowGeneric. Rows are short, so this function takes any length: the
// last, partial group of 16 is read and written under a mask.
func (t *target) softmax() {
	t.begin("softmaxRow", []string{"newMax", "newSum", "rescale"},
		pointer("s", "SI"), number("n", "CX"), float("scale"), float("max"), float("sum"))
	const scaleArg, maxArg, sumArg = "scale+16(FP)", "max+20(FP)", "sum+24(FP)"

	x, p, a, b := t.reg(0), t.reg(1), t.reg(2), t.reg(3)
	scale, shift := t.reg(4), t.reg(5)
	fill := t.reg(6)
	var most, total, masks []string // 16 lanes each
	for i := range lanes / t.width {
		most = append(most, t.reg(7+i))
		total = append(total, t.reg(9+i))
		masks = append(masks, t.reg(11+i))
	}
	t.loadExp()
	t.I("VBROADCASTSS", scaleArg, scale)
	for _, m := range most {
		t.I("VBROADCASTSS", maxArg, m)
	}

	t.I("MOVQ", "CX", "R8") // elements in whole groups
	t.I("ANDQ", asm.Imm(-lanes), "R8")
	t.I("ANDQ", asm.Imm(lanes-1), "CX")
	t.tailMask(masks)

	// whole runs body for each vector of the whole groups; partial for those
	// of the last one. DX counts elements.
	groups := func(label string, whole, partial func(i int, at string)) {
		t.I("XORL", "DX", "DX")
		t.Label(label)
		t.I("CMPQ", "DX", "R8")
		t.I("JGE", label+"Tail")
		for i := range most {
			whole(i, asm.MemIndex("SI", t.bytes()*i, "DX", 4))
		}
		t.I("ADDQ", asm.Imm(lanes), "DX")
		t.I("JMP", label)
		t.Label(label + "Tail")
		t.I("TESTQ", "CX", "CX")
		t.I("JZ", label+"End")
		for i := range most {
			partial(i, asm.MemIndex("SI", t.bytes()*i, "DX", 4))
		}
		t.Label(label + "End")
	}

	groups("max", func(i int, at string) {
		t.I("VMOVUPS", at, x)
		t.I("VMAXPS", most[i], x, most[i])
	}, func(i int, at string) {
		t.loadMasked(at, masks[i], x, most[i])
		t.I("VMAXPS", most[i], x, most[i])
	})
	t.fold("VMAXPS", most, p)
	t.I("VMOVSS", asm.X(7), "newMax+32(FP)")

	t.I("VMULSS", asm.X(4), asm.X(7), asm.X(5))
	t.I("VBROADCASTSS", asm.X(5), shift)
	t.I("VBROADCASTSS", asm.X(7), fill) // anything whose exp is not slow
	for i := range total {
		t.I("VXORPS", asm.X(9+i), asm.X(9+i), asm.X(9+i))
	}
	groups("exp", func(i int, at string) {
		t.I("VMOVUPS", at, x)
		t.I("VFMSUB213PS", shift, scale, x)
		t.exp(p, x, a, b)
		t.I("VMOVUPS", p, at)
		t.I("VADDPS", p, total[i], total[i])
	}, func(i int, at string) {
		t.loadMasked(at, masks[i], x, fill)
		t.I("VFMSUB213PS", shift, scale, x)
		t.exp(p, x, a, b)
		t.storeMasked(p, masks[i], at)
		t.clearUnmasked(p, masks[i])
		t.I("VADDPS", p, total[i], total[i])
	})
	t.fold("VADDPS", total, p)

	t.I("VBROADCASTSS", maxArg, x)
	t.I("VMULPS", scale, x, x)
	t.I("VSUBPS", shift, x, x)
	t.exp(p, x, a, b)
	t.I("VMOVSS", asm.X(1), "rescale+40(FP)")
	t.I("VMOVSS", sumArg, asm.X(0))
	t.I("VFMADD231SS", asm.X(0), asm.X(1), asm.X(9))
	t.I("VMOVSS", asm.X(9), "newSum+36(FP)")
	t.end()
}

// fold combines the 16 lanes of the registers in halves, as sumLanes and
// maxLanes do, into lane 0 of the first.
func (t *target) fold(op string, regs []string, temp string) {
	low := func(reg string) string { return "X" + reg[1:] }
	first := regs[0]
	high := regs[len(regs)-1]
	if t.avx512() {
		first, high = "Y"+first[1:], "Y"+temp[1:]
		t.I("VEXTRACTF32X8", asm.Imm(1), regs[0], high)
	}
	t.I(op, first, high, first)
	t.I("VEXTRACTF128", asm.Imm(1), first, low(temp))
	t.I(op, low(first), low(temp), low(first))
	for _, order := range []int{0b1110, 0b01} { // lanes 2 and 3, then lane 1
		t.I("VPERMILPS", asm.Imm(order), low(first), low(temp))
		t.I(op, low(first), low(temp), low(first))
	}
}

// clearUnmasked sets x to zero where the mask is off.
func (t *target) clearUnmasked(x, mask string) {
	if t.avx512() {
		t.I("VMOVAPS.Z", x, "K1", x)
		return
	}
	t.I("VANDPS", mask, x, x)
}

// tailMask makes the mask of the first CX lanes, in K1 or in vectors.
func (t *target) tailMask(masks []string) {
	if t.avx512() {
		t.I("MOVL", asm.Imm(1), "AX")
		t.I("SHLL", "CX", "AX")
		t.I("DECL", "AX")
		t.I("KMOVW", "AX", "K1")
		return
	}
	t.I("LEAQ", asm.Symbol("masks", 4*lanes), "AX")
	t.I("SHLQ", asm.Imm(2), "CX")
	t.I("SUBQ", "CX", "AX")
	for i, m := range masks {
		t.I("VMOVUPS", asm.Mem("AX", t.bytes()*i), m)
	}
}

// loadMasked fills x from memory, and from other where the mask is off.
func (t *target) loadMasked(at, mask, x, other string) {
	if t.avx512() {
		t.I("VMOVAPS", other, x)
		t.I("VMOVUPS", at, "K1", x)
		return
	}
	t.I("VMASKMOVPS", at, mask, x)
	t.I("VBLENDVPS", mask, x, other, x)
}

func (t *target) storeMasked(x, mask, at string) {
	if t.avx512() {
		t.I("VMOVUPS", x, "K1", at)
		return
	}
	t.I("VMASKMOVPS", x, mask, at)
}
