package main

import "sdgo/internal/kernel/_asm/asm"

// stored writes what widens blocks of numbers as checkpoints have them.
func (t neon) stored() {
	dst, src, n, half := asm.R(0), asm.R(1), asm.R(2), asm.R(3)
	t.begin("widenBFloat16s", nil, pointer("dst", dst), halves("src", src), number("n", n))
	t.elements(n, lanes, func() {
		t.I("FLDPQ.P", asm.Mem(src, 32), asm.Pair(4, 5))
		for i := range asm.V(2) {
			t.Shll16(4+i, 2*i)
			t.Shll162(4+i, 2*i+1)
		}
		t.putSixteen(0, dst)
	})
	t.I("RET")

	const scale = 16
	t.begin("widenQ8", nil, pointer("dst", dst), param{"src", "*uint8", src}, number("blocks", n))
	t.elements(n, 1, func() {
		t.I("MOVHU.P", asm.Mem(src, 2), half)
		t.I("FMOVS", half, asm.V(scale).F())
		t.Fcvtl4s(scale, scale)
		t.I("VDUP", asm.V(scale).String()+".S[0]", asm.V(scale).S4())
		t.I("FLDPQ.P", asm.Mem(src, 32), asm.Pair(4, 5))
		for i := range asm.V(2) {
			t.Sxtl8h(4+i, 6)
			t.Sxtl8h2(4+i, 7)
			for j := range asm.V(2) {
				t.Sxtl4s(6+j, 2*j)
				t.Sxtl4s2(6+j, 2*j+1)
			}
			for j := range asm.V(4) {
				t.Scvtf(j, j)
				t.Fmul(scale, j, j)
			}
			t.putSixteen(0, dst)
		}
	})
	t.I("RET")
}
