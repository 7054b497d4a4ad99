package main

import "sdgo/internal/kernel/_asm/asm"

// The masks of rounding are in registers from 16 on, and a zero after them.
func neonTurnMask(name string) asm.V {
	for i, m := range turnMasks {
		if m.name == name {
			return asm.V(16 + i)
		}
	}
	panic("no mask " + name)
}

var neonTurnZero = asm.V(16 + len(turnMasks))

func (t neon) loadTurnMasks() {
	word := asm.R(9)
	for i, m := range turnMasks {
		t.I("MOVD", asm.Imm(int(m.bits)), word)
		t.I("VDUP", word, asm.V(16+i).S4())
	}
	t.Clear(neonTurnZero)
}

// turned rounds register x to bfloat16, as float32s.
func (t neon) turned(x asm.V) {
	const sum, mask, special = asm.V(8), asm.V(9), asm.V(10)
	m := neonTurnMask
	logical := func(op string, a, b, to asm.V) { t.I(op, a.B16(), b.B16(), to.B16()) }
	t.I("VUSHR", asm.Imm(16), x.S4(), sum.S4())
	logical("VAND", m("odd"), sum, sum)
	t.I("VADD", m("half").S4(), sum.S4(), sum.S4())
	t.I("VADD", x.S4(), sum.S4(), sum.S4())
	logical("VAND", m("exponent"), x, mask) // zero and subnormal numbers
	t.I("VCMEQ", neonTurnZero.S4(), mask.S4(), mask.S4())
	logical("VAND", m("sign"), x, special)
	logical("VBIT", mask, special, sum)
	t.Fcmeq(x, x, mask) // all but NaN
	logical("VORR", m("quiet"), x, special)
	logical("VBIF", mask, special, sum)
	logical("VAND", m("upper"), sum, x)
}

// turns writes what [target.turns] does.
func (t neon) turns() {
	x, to, n := asm.R(0), asm.R(1), asm.R(2)
	t.begin("turnPairs", nil, pointer("x", x), number("n", n))
	t.loadTurnMasks()
	t.I("MOVD", x, to)
	t.elements(n, lanes, func() {
		t.nextSixteen(x, 0)
		for i := range asm.V(4) {
			t.turned(i)
			t.I("VREV64", i.S4(), i.S4())
		}
		t.putSixteen(0, to)
	})
	t.I("RET")

	t.begin("turnRows", nil, pointer("x", x), number("pairs", n))
	t.loadTurnMasks()
	t.elements(n, 1, func() {
		for i := 0; i < rowBytes; i += 16 {
			t.I("FMOVQ", asm.Mem(x, i), asm.V(0).F())
			t.I("FMOVQ", asm.Mem(x, rowBytes+i), asm.V(1).F())
			t.turned(0)
			t.turned(1)
			t.I("FMOVQ", asm.V(1).F(), asm.Mem(x, i))
			t.I("FMOVQ", asm.V(0).F(), asm.Mem(x, rowBytes+i))
		}
		t.I("ADD", asm.Imm(2*rowBytes), x)
	})
	t.I("RET")
}
