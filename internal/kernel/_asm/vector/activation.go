package main

import "sdgo/internal/kernel/_asm/asm"

// Registers that hold the same value throughout a function. The rest of the
// code takes its registers from 0 up.
func (t *target) expMin() string  { return t.reg(15) }
func (t *target) expMax() string  { return t.reg(14) }
func (t *target) zero() string    { return t.reg(13) }
func (t *target) one() string     { return t.reg(12) }
func (t *target) geluMax() string { return t.reg(11) }

func (t *target) loadExp() {
	t.load("expMin", t.expMin())
	t.load("expMax", t.expMax())
}

func (t *target) loadAct() {
	t.loadExp()
	t.I("VXORPS", asm.X(13), asm.X(13), asm.X(13))
	t.load("one", t.one())
	t.load("geluMax", t.geluMax())
}

// exp sets p = e^x. It spoils x, a and b. The order is that of exp32; the
// order of the operands of the minimum and the maximum lets NaN through.
func (t *target) exp(p, x, a, b string) {
	if t.avx512() {
		t.I("VCMPPS", asm.Imm(6), t.expMin(), x, "K2") // not x ≤ expMin
	}
	t.I("VMINPS", x, t.expMax(), x)
	t.I("VMAXPS", x, t.expMin(), x)
	t.load("roundShift", a)
	t.IC("VFMADD231PS", t.C("log2e"), x, a)
	t.IC("VSUBPS", t.C("roundShift"), a, b)
	t.IC("VFMADD231PS", t.C("-ln2Hi"), b, x)
	t.IC("VFMADD231PS", t.C("-ln2Lo"), b, x)
	t.horner(p, x, "expQ4", "expQ3", "expQ2", "expQ1", "expQ0", "one", "one")
	if t.avx512() {
		// Zero by the mask: an underflow costs the processor 100 ns.
		t.I("VSCALEFPS.Z", b, p, "K2", p)
		return
	}
	t.IC("VPSUBD", t.C("roundShift"), a, a)
	t.I("VPSRAD", asm.Imm(1), a, b)
	t.I("VPSUBD", b, a, a)
	for _, power := range []string{b, a} {
		t.IC("VPADDD", t.exponentBias(), power, power)
		t.I("VPSLLD", asm.Imm(23), power, power)
		t.I("VMULPS", power, p, p)
	}
}

// sigmoidProduct sets x = x / (1 + e^y). It spoils y and registers 2 to 4.
func (t *target) sigmoidProduct(x, y string) {
	p := t.reg(2)
	t.exp(p, y, t.reg(3), t.reg(4))
	t.I("VADDPS", p, t.one(), p)
	t.I("VDIVPS", p, x, x)
}

// silu sets x to its SiLU. It spoils registers 1 to 4; x is none of them.
func (t *target) silu(x string) {
	y := t.reg(1)
	t.I("VSUBPS", x, t.zero(), y)
	t.sigmoidProduct(x, y)
}

// quickGELU sets x to its QuickGELU. It spoils registers 1 to 4.
func (t *target) quickGELU(x string) {
	y := t.reg(1)
	t.IC("VMULPS", t.C("-quickGELUSlope"), x, y)
	t.sigmoidProduct(x, y)
}

// relu sets x to its ReLU. The order of the operands lets NaN through, and the sum makes
// a negative zero positive.
func (t *target) relu(x string) {
	t.I("VMAXPS", x, t.zero(), x)
	t.I("VADDPS", x, t.zero(), x)
}

// gelu sets x to its GELU in the order of gelu32. It spoils registers 1 to 8.
func (t *target) gelu(x string) {
	a, r, u, p, rest, minus := t.reg(1), t.reg(2), t.reg(3), t.reg(4), t.reg(5), t.reg(6)
	t.IC("VANDPS", t.absMask(), x, a)
	t.I("VMINPS", a, t.geluMax(), a)
	t.I("VMAXPS", t.zero(), x, x)
	t.IC("VADDPS", t.C("geluK"), a, r)
	t.I("VDIVPS", r, t.one(), r)
	t.I("VMULPS", r, a, u)
	t.horner(p, u, "geluP9", "geluP8", "geluP7", "geluP6", "geluP5", "geluP4", "geluP3", "geluP2", "geluP1", "geluP0")
	t.I("VMULPS", r, p, p)

	t.IC("VMULPS", t.C("half"), a, rest)
	t.I("VMULPS", a, rest, u)
	t.I("VFMSUB213PS", u, a, rest)
	t.I("VSUBPS", u, t.zero(), minus)
	e := r
	t.exp(e, minus, t.reg(7), t.reg(8))
	t.I("VFNMADD231PS", e, rest, e)
	t.I("VMULPS", e, p, p)
	t.I("VFNMADD231PS", p, a, x)
}

// nearGELUNames are the constants of the polynomial, the highest power first.
var nearGELUNames = []string{
	"nearGELUP8", "nearGELUP7", "nearGELUP6", "nearGELUP5", "nearGELUP4", "nearGELUP3", "nearGELUP2", "nearGELUP1", "nearGELUP0",
}

func (t *target) nearGELUMin() string { return t.reg(15) }
func (t *target) nearGELUMax() string { return t.reg(14) }

func (t *target) loadNearGELU() {
	t.load("nearGELUMin", t.nearGELUMin())
	t.load("nearGELUMax", t.nearGELUMax())
}

// nearGELU sets x to its GELU in the order of nearGELU32. It spoils registers 1 to 3. The
// order of the operands of the minimum and the maximum lets NaN through.
func (t *target) nearGELU(x string) {
	c, square, p := t.reg(1), t.reg(2), t.reg(3)
	t.I("VMAXPS", x, t.nearGELUMin(), x)
	t.I("VMINPS", x, t.nearGELUMax(), c)
	t.I("VMULPS", c, c, square)
	t.horner(p, square, nearGELUNames...)
	t.IC("VFMADD213PS", t.C("half"), c, p)
	t.I("VMULPS", p, x, x)
}

// activations writes the functions that apply them to a row.
func (t *target) activations() {
	for _, act := range []struct {
		name string
		of   func(x string)
	}{{"silu", t.silu}, {"gelu", t.gelu}, {"quickGELU", t.quickGELU}, {"relu", t.relu}} {
		t.begin(act.name, nil, pointer("dst", "DI"), pointer("x", "SI"), number("n", "CX"))
		t.loadAct()
		t.elements(func() {
			x := t.reg(0)
			t.I("VMOVUPS", "(SI)(DX*4)", x)
			act.of(x)
			t.I("VMOVUPS", x, "(DI)(DX*4)")
		})
		t.end()
	}

	t.geglu("geglu", t.loadAct, t.gelu)
	t.geglu("nearGEGLU", t.loadNearGELU, t.nearGELU)
}

// geglu writes the product of a row and the GELU of another.
func (t *target) geglu(name string, load func(), gelu func(x string)) {
	t.begin(name, nil, pointer("dst", "DI"), pointer("x", "SI"), pointer("gate", "BX"), number("n", "CX"))
	load()
	t.elements(func() {
		x := t.reg(0)
		t.I("VMOVUPS", "(BX)(DX*4)", x)
		gelu(x)
		t.I("VMULPS", "(SI)(DX*4)", x, x)
		t.I("VMOVUPS", x, "(DI)(DX*4)")
	})
	t.end()
}

// elements is a loop over CX elements, a vector at a time; DX counts them.
func (t *target) elements(body func()) {
	t.I("XORL", "DX", "DX")
	t.Label("elements")
	body()
	t.I("ADDQ", asm.Imm(t.width), "DX")
	t.I("CMPQ", "DX", "CX")
	t.I("JLT", "elements")
}
