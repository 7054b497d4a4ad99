package main

import "sdgo/internal/kernel/_asm/asm"

// conversions writes what changes the type of numbers.
func (t *target) conversions() {
	t.begin("widenHalves", nil, pointer("dst", "AX"), param{"src", "*uint16", "BX"}, number("n", "CX"))
	t.eachGroup(func(at int) {
		t.I("VCVTPH2PS", asm.Mem("BX", at/2), t.reg(0))
		t.I("VMOVUPS", t.reg(0), asm.Mem("AX", at))
	}, func() {
		t.I("ADDQ", asm.Imm(4*lanes), "AX")
		t.I("ADDQ", asm.Imm(2*lanes), "BX")
	})

	t.begin("narrowHalves", nil, param{"dst", "*uint16", "AX"}, pointer("src", "BX"), number("n", "CX"))
	t.eachGroup(func(at int) {
		t.I("VMOVUPS", asm.Mem("BX", at), t.reg(0))
		t.I("VCVTPS2PH", "$0", t.reg(0), asm.Mem("AX", at/2))
	}, func() {
		t.I("ADDQ", asm.Imm(2*lanes), "AX")
		t.I("ADDQ", asm.Imm(4*lanes), "BX")
	})
}

// eachGroup writes a loop over n (in CX) elements and the end of the function: do
// is called for each vector of 16 elements, which begins at bytes of float32s, and
// then step.
func (t *target) eachGroup(do func(at int), step func()) {
	t.Label("loop")
	for at := 0; at < 4*lanes; at += t.bytes() {
		do(at)
	}
	step()
	t.I("SUBQ", asm.Imm(lanes), "CX")
	t.I("JNZ", "loop")
	t.end()
}
