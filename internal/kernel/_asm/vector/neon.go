package main

import (
	"os"
	"path/filepath"

	"sdgo/internal/kernel/_asm/asm"
)

// neon is arm64's instruction set: sixteen elements take four vectors. Its
// arithmetic has no operands in memory, so constants that are factors stay in
// registers 16 up, and the terms of polynomials are loaded into the sums.
type neon struct{ *target }

// Registers that hold the same value throughout a function, if it loads them.
const (
	neonExpMin     = asm.V(16)
	neonExpMax     = asm.V(17)
	neonLog2e      = asm.V(18)
	neonMinusLn2Hi = asm.V(19)
	neonMinusLn2Lo = asm.V(20)
	neonRoundShift = asm.V(21)
	neonBias       = asm.V(22)
	neonOne        = asm.V(23)
	neonZero       = asm.V(24)
	neonGELUMax    = asm.V(25)
	neonGELUK      = asm.V(26)
	neonHalf       = asm.V(27)
	neonSlope      = asm.V(28)
)

func writeNEON(dir string) error {
	stubs := newStubs()
	t := neon{&target{File: asm.New(command, "!purego"), stubs: stubs, name: "NEON", width: 4, move: "MOVD"}}
	t.activations()
	t.sums()
	t.softmax()
	t.scaleColumns()
	t.norms()
	t.conversions()
	t.stored()
	t.largest()
	t.turns()
	t.constantTable()
	if err := t.Write(filepath.Join(dir, "vec_neon_arm64.s")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "vec_stubs_arm64.go"), stubs.Bytes(), 0o644)
}

// table points to the constants.
var table = asm.R(20)

// constantTo loads a constant into a register.
func (t neon) constantTo(name string, v asm.V) {
	for i, c := range constants {
		if c.name == name {
			t.I("FMOVQ", asm.Mem(table, 4*t.width*i), v.F())
			return
		}
	}
	panic("no constant " + name)
}

func (t neon) loadTable() { t.I("MOVD", "$"+t.constant("constants", 0), table) }

// loadBias loads the bias of exponents.
func (t neon) loadBias(v asm.V) {
	bias := asm.R(19)
	t.I("MOVD", asm.Imm(exponentBias), bias)
	t.I("VDUP", bias, v.S4())
}

func (t neon) loadExp() {
	t.loadTable()
	t.constantTo("expMin", neonExpMin)
	t.constantTo("expMax", neonExpMax)
	t.constantTo("log2e", neonLog2e)
	t.constantTo("-ln2Hi", neonMinusLn2Hi)
	t.constantTo("-ln2Lo", neonMinusLn2Lo)
	t.constantTo("roundShift", neonRoundShift)
	t.loadBias(neonBias)
}

func (t neon) loadAct() {
	t.loadExp()
	t.constantTo("one", neonOne)
	t.Clear(neonZero)
	t.constantTo("geluMax", neonGELUMax)
	t.constantTo("geluK", neonGELUK)
	t.constantTo("half", neonHalf)
	t.constantTo("-quickGELUSlope", neonSlope)
}

// horner sets p = names[0], then p = p·x + c for each constant c that follows. It
// spoils q.
func (t neon) horner(p, q, x asm.V, names ...string) {
	if len(names)%2 == 0 {
		p, q = q, p
	}
	t.constantTo(names[0], p)
	for _, name := range names[1:] {
		t.constantTo(name, q)
		t.Fmla(x, p, q)
		p, q = q, p
	}
}

// exp sets p = e^x in the order of exp32. It spoils x, a and b. Minimum and maximum
// let NaN through.
func (t neon) exp(p, x, a, b asm.V) {
	t.Fmin(neonExpMax, x, x)
	t.Fmax(neonExpMin, x, x)
	t.Move(neonRoundShift, a)
	t.Fmla(neonLog2e, x, a)
	t.Fsub(neonRoundShift, a, b)
	t.Fmla(neonMinusLn2Hi, b, x)
	t.Fmla(neonMinusLn2Lo, b, x)
	t.horner(p, b, x, "expQ4", "expQ3", "expQ2", "expQ1", "expQ0", "one", "one")
	t.I("VSUB", neonRoundShift.S4(), a.S4(), a.S4())
	t.Sshr(1, a, b)
	t.I("VSUB", b.S4(), a.S4(), a.S4())
	for _, power := range []asm.V{b, a} {
		t.I("VADD", neonBias.S4(), power.S4(), power.S4())
		t.I("VSHL", asm.Imm(23), power.S4(), power.S4())
		t.Fmul(power, p, p)
	}
}

// sigmoidProduct sets x = x / (1 + e^y). It spoils y and registers 2 to 4.
func (t neon) sigmoidProduct(x, y asm.V) {
	t.exp(2, y, 3, 4)
	t.Fadd(neonOne, 2, 2)
	t.Fdiv(2, x, x)
}

// silu sets x to its SiLU. It spoils registers 1 to 4; x is none of them.
func (t neon) silu(x asm.V) {
	t.Fneg(x, 1)
	t.sigmoidProduct(x, 1)
}

// quickGELU sets x to its QuickGELU. It spoils registers 1 to 4.
func (t neon) quickGELU(x asm.V) {
	t.Fmul(neonSlope, x, 1)
	t.sigmoidProduct(x, 1)
}

// relu sets x to its ReLU.
func (t neon) relu(x asm.V) { t.Fmax(neonZero, x, x) }

// gelu sets x to its GELU in the order of gelu32. It spoils registers 1 to 8.
func (t neon) gelu(x asm.V) {
	const a, r, u, p, rest, minus, spare = asm.V(1), asm.V(2), asm.V(3), asm.V(4), asm.V(5), asm.V(6), asm.V(7)
	t.Fabs(x, a)
	t.Fmin(neonGELUMax, a, a)
	t.Fmax(neonZero, x, x)
	t.Fadd(neonGELUK, a, r)
	t.Fdiv(r, neonOne, r)
	t.Fmul(r, a, u)
	t.horner(p, spare, u, "geluP9", "geluP8", "geluP7", "geluP6", "geluP5", "geluP4", "geluP3", "geluP2", "geluP1", "geluP0")
	t.Fmul(r, p, p)

	t.Fmul(neonHalf, a, u)
	t.Fmul(a, u, minus)
	t.Fneg(minus, minus)
	t.Move(minus, rest)
	t.Fmla(a, u, rest)
	e := r
	t.exp(e, minus, spare, 8)
	t.Move(e, u)
	t.Fmls(u, rest, e)
	t.Fmul(e, p, p)
	t.Fmls(p, a, x)
}

// elements is a loop over n elements, of which body takes some.
func (t neon) elements(n string, some int, body func()) {
	t.Label("elements")
	body()
	t.I("SUB", asm.Imm(some), n)
	t.I("CBNZ", n, "elements")
}

// next loads a vector and goes on; put stores one.
func (t neon) next(from string, v asm.V) { t.I("FMOVQ.P", asm.Mem(from, 16), v.F()) }
func (t neon) put(v asm.V, to string)    { t.I("FMOVQ.P", v.F(), asm.Mem(to, 16)) }

// nextSixteen and putSixteen are the same for the registers from v to v+3.
func (t neon) nextSixteen(from string, v asm.V) {
	t.I("FLDPQ.P", asm.Mem(from, 32), asm.Pair(v, v+1))
	t.I("FLDPQ.P", asm.Mem(from, 32), asm.Pair(v+2, v+3))
}

func (t neon) putSixteen(v asm.V, to string) {
	t.I("FSTPQ.P", asm.Pair(v, v+1), asm.Mem(to, 32))
	t.I("FSTPQ.P", asm.Pair(v+2, v+3), asm.Mem(to, 32))
}

// broadcast fills a register with an argument.
func (t neon) broadcast(arg string, v asm.V) {
	t.I("FMOVS", arg, v.F())
	t.I("VDUP", v.String()+".S[0]", v.S4())
}

// activations writes the functions that apply them to a row.
func (t neon) activations() {
	dst, x, gate, n := asm.R(0), asm.R(1), asm.R(2), asm.R(3)
	for _, act := range []struct {
		name string
		of   func(x asm.V)
	}{{"silu", t.silu}, {"gelu", t.gelu}, {"quickGELU", t.quickGELU}, {"relu", t.relu}} {
		t.begin(act.name, nil, pointer("dst", dst), pointer("x", x), number("n", n))
		t.loadAct()
		t.elements(n, t.width, func() {
			t.next(x, 0)
			act.of(0)
			t.put(0, dst)
		})
		t.I("RET")
	}

	for _, act := range []struct {
		name string
		load func()
		of   func(x asm.V)
	}{{"geglu", t.loadAct, t.gelu}, {"nearGEGLU", t.loadNearGELU, t.nearGELU}} {
		t.begin(act.name, nil, pointer("dst", dst), pointer("x", x), pointer("gate", gate), number("n", n))
		act.load()
		t.elements(n, t.width, func() {
			t.next(gate, 0)
			act.of(0)
			t.next(x, 1)
			t.Fmul(1, 0, 0)
			t.put(0, dst)
		})
		t.I("RET")
	}
}

// sums writes a + b and f·x.
func (t neon) sums() {
	dst, a, b, n := asm.R(0), asm.R(1), asm.R(2), asm.R(3)
	t.begin("add", nil, pointer("dst", dst), pointer("a", a), pointer("b", b), number("n", n))
	t.elements(n, lanes, func() {
		t.nextSixteen(a, 0)
		t.nextSixteen(b, 4)
		for i := range asm.V(4) {
			t.Fadd(4+i, i, i)
		}
		t.putSixteen(0, dst)
	})
	t.I("RET")

	t.begin("scale", nil, pointer("dst", dst), pointer("x", a), number("n", n), float("f"))
	t.broadcast("f+24(FP)", 4)
	t.elements(n, lanes, func() {
		t.nextSixteen(a, 0)
		for i := range asm.V(4) {
			t.Fmul(4, i, i)
		}
		t.putSixteen(0, dst)
	})
	t.I("RET")
}

// conversions writes what changes the type of numbers.
func (t neon) conversions() {
	dst, src, n := asm.R(0), asm.R(1), asm.R(2)
	t.begin("widenHalves", nil, pointer("dst", dst), halves("src", src), number("n", n))
	t.elements(n, lanes, func() {
		t.I("FLDPQ.P", asm.Mem(src, 32), asm.Pair(4, 5))
		for i := range asm.V(2) {
			t.Fcvtl4s(4+i, 2*i)
			t.Fcvtl4s2(4+i, 2*i+1)
		}
		t.putSixteen(0, dst)
	})
	t.I("RET")

	t.begin("narrowHalves", nil, halves("dst", dst), pointer("src", src), number("n", n))
	t.elements(n, lanes, func() {
		t.nextSixteen(src, 0)
		for i := range asm.V(2) {
			t.Fcvtn4h(2*i, 4+i)
			t.Fcvtn8h2(2*i+1, 4+i)
		}
		t.I("FSTPQ.P", asm.Pair(4, 5), asm.Mem(dst, 32))
	})
	t.I("RET")
}
