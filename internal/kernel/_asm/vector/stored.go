package main

import "sdgo/internal/kernel/_asm/asm"

// stored writes what widens blocks of numbers as checkpoints have them.
func (t *target) stored() {
	x := t.reg(0)
	t.begin("widenBFloat16s", nil, pointer("dst", "DI"), halves("src", "SI"), number("n", "CX"))
	t.elements(func() {
		t.I("VPMOVZXWD", "(SI)(DX*2)", x)
		t.I("VPSLLD", asm.Imm(16), x, x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()

	const half, block = 2, 2 + 32 // bytes of the scale, and with the integers
	t.begin("widenQ8", nil, pointer("dst", "DI"), param{"src", "*uint8", "SI"}, number("blocks", "CX"))
	t.Label("block")
	t.I("MOVWLZX", "(SI)", "AX")
	t.I("VMOVD", "AX", "X1")
	t.I("VCVTPH2PS", "X1", "X1")
	t.I("VBROADCASTSS", "X1", t.reg(1))
	for i := 0; i < 32; i += t.width {
		t.I("VPMOVSXBD", asm.Mem("SI", half+i), x)
		t.I("VCVTDQ2PS", x, x)
		t.I("VMULPS", t.reg(1), x, x)
		t.I("VMOVUPS", x, asm.Mem("DI", 4*i))
	}
	t.I("ADDQ", asm.Imm(block), "SI")
	t.I("ADDQ", asm.Imm(4*32), "DI")
	t.I("DECQ", "CX")
	t.I("JNZ", "block")
	t.end()
	t.widenQ4K()
}

// widenQ4K writes what widens a block of Q4_K, whose factors are ggml.Factors: 8 scales,
// then 8 offsets. Each 32 bytes hold 64 numbers, the lower halves first.
func (t *target) widenQ4K() {
	and := "VPAND"
	if t.avx512() {
		and = "VPANDD"
	}
	low, high, mask := t.reg(0), t.reg(1), t.reg(2)
	t.begin("widenQ4K", nil, pointer("dst", "DI"), param{"numbers", "*uint8", "SI"}, pointer("factors", "BX"))
	t.I("MOVL", asm.Imm(15), "AX")
	t.I("VMOVD", "AX", "X2")
	t.I("VPBROADCASTD", "X2", mask)
	for j := range 4 {
		for i := range 2 {
			t.I("VBROADCASTSS", asm.Mem("BX", 4*(2*j+i)), t.reg(3+i))
			t.I("VBROADCASTSS", asm.Mem("BX", 4*(8+2*j+i)), t.reg(5+i))
		}
		for i := 0; i < 32; i += t.width {
			t.I("VPMOVZXBD", asm.Mem("SI", 32*j+i), low)
			t.I("VPSRLD", asm.Imm(4), low, high)
			t.I(and, mask, low, low)
			for half, x := range []string{low, high} {
				t.I("VCVTDQ2PS", x, x)
				t.I("VMULPS", t.reg(3+half), x, x)
				t.I("VSUBPS", t.reg(5+half), x, x)
				t.I("VMOVUPS", x, asm.Mem("DI", 4*(64*j+32*half+i)))
			}
		}
	}
	t.end()
}
