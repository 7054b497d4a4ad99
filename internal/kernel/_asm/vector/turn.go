package main

import "sdgo/internal/kernel/_asm/asm"

// turnMasks are the bit patterns that rounding to bfloat16 needs, in registers from 4 on:
// see kernel.bfloat16.
var turnMasks = []struct {
	name string
	bits int32
}{
	{"odd", 1}, {"half", 0x7fff}, {"upper", -1 << 16}, {"exponent", 255 << 23}, {"sign", -1 << 31}, {"quiet", 1 << 22},
}

func (t *target) turnMask(name string) string {
	for i, m := range turnMasks {
		if m.name == name {
			return t.reg(4 + i)
		}
	}
	panic("no mask " + name)
}

func (t *target) loadTurnMasks() {
	for i, m := range turnMasks {
		t.I("MOVL", asm.Imm(int(m.bits)), "AX")
		t.I("VMOVD", "AX", "X0")
		t.I("VPBROADCASTD", "X0", t.reg(4+i))
	}
}

// turned rounds register x to bfloat16, as float32s, with the two as scratch.
func (t *target) turned(x, sum, temp string) {
	d := "" // the end of logical instructions
	if t.avx512() {
		d = "D"
	}
	m := t.turnMask
	t.I("VPSRLD", asm.Imm(16), x, sum)
	t.I("VPAND"+d, m("odd"), sum, sum)
	t.I("VPADDD", m("half"), sum, sum)
	t.I("VPADDD", x, sum, sum)
	if t.avx512() {
		t.I("VPTESTNMD", m("exponent"), x, "K1") // zero and subnormal numbers
		t.I("VCMPPS", "$3", x, x, "K2")          // NaN
		t.I("VPANDD", m("sign"), x, "K1", sum)
		t.I("VPORD", m("quiet"), x, "K2", sum)
	} else {
		t.I("VPAND", m("exponent"), x, temp)
		t.I("VPCMPEQD", t.reg(15), temp, temp)
		t.I("VPAND", m("sign"), x, t.reg(14))
		t.I("VBLENDVPS", temp, t.reg(14), sum, sum)
		t.I("VCMPPS", "$3", x, x, temp)
		t.I("VPOR", m("quiet"), x, t.reg(14))
		t.I("VBLENDVPS", temp, t.reg(14), sum, sum)
	}
	t.I("VPAND"+d, m("upper"), sum, x)
}

// turns writes what rounds pairs to bfloat16 as float32s and turns them round: neighbours,
// and rows of 32.
func (t *target) turns() {
	x, y, sum, temp := t.reg(0), t.reg(1), t.reg(2), t.reg(3)
	begin := func(name, count string) {
		t.begin(name, nil, pointer("x", "DI"), number(count, "CX"))
		t.loadTurnMasks()
		if !t.avx512() {
			t.I("VPXOR", t.reg(15), t.reg(15), t.reg(15))
		}
	}
	begin("turnPairs", "n")
	t.elements(func() {
		t.I("VMOVUPS", "(DI)(DX*4)", x)
		t.turned(x, sum, temp)
		t.I("VPERMILPS", "$0xb1", x, x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()

	begin("turnRows", "pairs")
	t.Label("pair")
	for i := 0; i < rowBytes; i += t.bytes() {
		t.I("VMOVUPS", asm.Mem("DI", i), x)
		t.I("VMOVUPS", asm.Mem("DI", rowBytes+i), y)
		t.turned(x, sum, temp)
		t.turned(y, sum, temp)
		t.I("VMOVUPS", y, asm.Mem("DI", i))
		t.I("VMOVUPS", x, asm.Mem("DI", rowBytes+i))
	}
	t.I("ADDQ", asm.Imm(2*rowBytes), "DI")
	t.I("DECQ", "CX")
	t.I("JNZ", "pair")
	t.end()
}
