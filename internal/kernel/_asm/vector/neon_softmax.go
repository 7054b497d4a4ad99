package main

import "sdgo/internal/kernel/_asm/asm"

// Registers of the softmax, in which 16 columns take four vectors: 0 to 4 are those
// of exp2, and from there on the maxima, and four chains of maxima and then of sums.
const (
	neonMost     = asm.V(5)
	neonChains   = asm.V(9)
	neonExp2Bias = asm.V(29)
	neonExp2Zero = asm.V(30)
	neonExp2Min  = asm.V(31)
)

func (t neon) loadExp2() {
	t.loadTable()
	t.constantTo("exp2Min", neonExp2Min)
	t.loadBias(neonExp2Bias)
	t.Clear(neonExp2Zero)
}

// exp2 sets p = 2^z in the order of the plain Go exp2. It spoils z and registers 2
// to 4.
func (t neon) exp2(z, p asm.V) {
	const n, less, q = asm.V(2), asm.V(3), asm.V(4)
	t.Fcmgt(z, neonExp2Min, less)
	t.Frintm(z, n)
	t.Fsub(n, z, z)
	t.horner(p, q, z, polynomial...)
	t.Fcvtzs(n, n)
	t.I("VADD", neonExp2Bias.S4(), n.S4(), n.S4())
	t.I("VSHL", asm.Imm(23), n.S4(), n.S4())
	t.Fmul(n, p, p)
	t.I("VBIT", less.B16(), neonExp2Zero.B16(), p.B16())
}

// larger puts those elements of x into most that are larger: NaN is not. It spoils
// register 4.
func (t neon) larger(x, most asm.V) {
	const mask = asm.V(4)
	t.Fcmgt(most, x, mask)
	t.I("VBIT", mask.B16(), x.B16(), most.B16())
}

// softmax writes softmaxColumnsGeneric for 16 columns.
//
// In one piece: it writes one function, whose registers all its parts share.
func (t neon) softmax() {
	s, keys, most, sum, rescale := asm.R(0), asm.R(1), asm.R(2), asm.R(3), asm.R(4)
	at, left := asm.R(5), asm.R(6)
	t.begin("softmaxColumns", nil, pointer("s", s), number("keys", keys),
		pointer("most", most), pointer("sum", sum), pointer("rescale", rescale))
	vec := func(base string, i int) string { return asm.Mem(base, 16*i) }
	chain := func(c, i int) asm.V { return neonChains + asm.V(4*c+i) }
	each := func(op func(i int)) {
		for i := range 4 {
			op(i)
		}
	}
	// rows is a loop over the keys, to whose rows at points: body is for n chains
	// from the first on.
	rows := func(label string, body func(first, n int)) {
		t.I("MOVD", s, at)
		t.I("SUB", asm.Imm(chains), keys, left)
		t.I("TBNZ", asm.Imm(63), left, label+"Rest")
		t.Label(label)
		body(0, chains)
		t.I("ADD", asm.Imm(chains*rowBytes), at)
		t.I("SUB", asm.Imm(chains), left)
		t.I("TBZ", asm.Imm(63), left, label)
		t.Label(label + "Rest")
		t.I("ADD", asm.Imm(chains), left)
		for c := range chains - 1 {
			t.I("CBZ", left, label+"End")
			body(c, 1)
			t.I("ADD", asm.Imm(rowBytes), at)
			t.I("SUB", asm.Imm(1), left)
		}
		t.Label(label + "End")
	}
	fold := func(combine func(from, to asm.V)) {
		for half := chains / 2; half > 0; half /= 2 {
			for c := range half {
				each(func(i int) { combine(chain(c+half, i), chain(c, i)) })
			}
		}
	}
	t.loadExp2()

	for c := range chains {
		each(func(i int) { t.I("FMOVQ", vec(most, i), chain(c, i).F()) })
	}
	rows("max", func(first, n int) {
		for c := range n {
			each(func(i int) {
				x := asm.V(i)
				t.I("FMOVQ", asm.Mem(at, rowBytes*c+16*i), x.F())
				t.larger(x, chain(first+c, i))
			})
		}
	})
	fold(t.larger)
	const z, p = asm.V(0), asm.V(1)
	newMost := func(i int) asm.V { return neonMost + asm.V(i) }
	each(func(i int) {
		t.Fadd(neonExp2Zero, chain(0, i), newMost(i)) // of two zeros the positive one
		t.I("FMOVQ", vec(most, i), z.F())
		t.I("FMOVQ", newMost(i).F(), vec(most, i))
		t.Fsub(newMost(i), z, z)
		t.exp2(z, p)
		t.I("FMOVQ", p.F(), vec(rescale, i))
	})

	for c := range chains {
		each(func(i int) { t.Clear(chain(c, i)) })
	}
	rows("exp", func(first, n int) {
		for c := range n {
			each(func(i int) {
				score := asm.Mem(at, rowBytes*c+16*i)
				t.I("FMOVQ", score, z.F())
				t.Fsub(newMost(i), z, z)
				t.exp2(z, p)
				t.I("FMOVQ", p.F(), score)
				t.Fadd(p, chain(first+c, i), chain(first+c, i))
			})
		}
	})
	fold(func(from, to asm.V) { t.Fadd(from, to, to) })
	each(func(i int) {
		const old, factor = asm.V(0), asm.V(1)
		t.I("FMOVQ", vec(sum, i), old.F())
		t.I("FMOVQ", vec(rescale, i), factor.F())
		t.Fmla(factor, old, chain(0, i))
		t.I("FMOVQ", chain(0, i).F(), vec(sum, i))
	})
	t.I("RET")
}

// scaleColumns writes x·f for 16 columns of a panel.
func (t neon) scaleColumns() {
	x, rows, f := asm.R(0), asm.R(1), asm.R(2)
	t.begin("scaleColumns", nil, pointer("x", x), number("rows", rows), pointer("f", f))
	t.nextSixteen(f, 4)
	t.Label("row")
	t.I("FLDPQ", asm.Mem(x, 0), asm.Pair(0, 1))
	t.I("FLDPQ", asm.Mem(x, 32), asm.Pair(2, 3))
	for i := range asm.V(4) {
		t.Fmul(4+i, i, i)
	}
	t.I("FSTPQ", asm.Pair(0, 1), asm.Mem(x, 0))
	t.I("FSTPQ", asm.Pair(2, 3), asm.Mem(x, 32))
	t.I("ADD", asm.Imm(rowBytes), x)
	t.I("SUB", asm.Imm(1), rows)
	t.I("CBNZ", rows, "row")
	t.I("RET")
}

// largest writes the largest magnitude of n elements by their bits: NaN is above
// infinity.
func (t neon) largest() {
	x, n := asm.R(0), asm.R(1)
	most := func(i asm.V) string { return (4 + i).S4() }
	t.begin("largest", []string{"max"}, pointer("x", x), number("n", n))
	for i := range asm.V(4) {
		t.Clear(4 + i)
	}
	t.elements(n, lanes, func() {
		t.nextSixteen(x, 0)
		for i := range asm.V(4) {
			t.Fabs(i, i)
			t.I("VUMAX", i.S4(), most(i), most(i))
		}
	})
	t.I("VUMAX", most(2), most(0), most(0))
	t.I("VUMAX", most(3), most(1), most(1))
	t.I("VUMAX", most(1), most(0), most(0))
	t.I("VEXT", asm.Imm(8), asm.V(4).B16(), asm.V(4).B16(), asm.V(5).B16()) // lanes 2 and 3
	t.I("VUMAX", most(1), most(0), most(0))
	t.I("VDUP", "V4.S[1]", most(1))
	t.I("VUMAX", most(1), most(0), most(0))
	t.I("FMOVS", "F4", "max+16(FP)")
	t.I("RET")
}
