package main

// sums writes a + b and f·x.
func (t *target) sums() {
	x := t.reg(0)
	t.begin("add", nil, pointer("dst", "DI"), pointer("a", "SI"), pointer("b", "BX"), number("n", "CX"))
	t.elements(func() {
		t.I("VMOVUPS", "(SI)(DX*4)", x)
		t.I("VADDPS", "(BX)(DX*4)", x, x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()

	f := t.reg(1)
	t.begin("scale", nil, pointer("dst", "DI"), pointer("x", "SI"), number("n", "CX"), float("f"))
	t.I("VBROADCASTSS", "f+24(FP)", f)
	t.elements(func() {
		t.I("VMULPS", "(SI)(DX*4)", f, x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()
}
