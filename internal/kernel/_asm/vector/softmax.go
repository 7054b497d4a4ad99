package main

import (
	"slices"

	"sdgo/internal/kernel/_asm/asm"
)

// rowBytes is a row of a panel: 32 float32s.
const rowBytes = 4 * 32

// exp2Constants live in registers from 31 down in AVX-512; AVX2, which has few,
// takes them from memory.
var exp2Constants = []string{"exp2Min", "one", "exp2P1", "exp2P2", "exp2P3", "exp2P4", "exp2P5"}

func (t *target) loadExp2() {
	for i, name := range exp2Constants {
		if t.avx512() {
			t.load(name, t.reg(31-i))
		}
	}
}

func (t *target) exp2C(name string) string {
	if t.avx512() {
		return t.reg(31 - slices.Index(exp2Constants, name))
	}
	return t.C(name)
}

// exp2 sets p = 2^z by the steps of the plain Go exp2, with z in register r
// and p in r+1; it spoils r to r+3. Several such groups go in step, so that
// the latency of one is the work of the others.
func (t *target) exp2(groups ...int) {
	const notLess, floor = 5, 9
	each := func(op func(i int, z, p, n, mask string)) {
		for i, r := range groups {
			mask := t.reg(r + 3)
			if t.avx512() {
				mask = asm.K(1 + i)
			}
			op(i, t.reg(r), t.reg(r+1), t.reg(r+2), mask)
		}
	}
	each(func(_ int, z, p, n, mask string) {
		t.I("VCMPPS", asm.Imm(notLess), t.exp2C("exp2Min"), z, mask)
		if t.avx512() {
			t.I("VRNDSCALEPS", asm.Imm(floor), z, n)
		} else {
			t.I("VROUNDPS", asm.Imm(floor), z, n)
		}
	})
	each(func(_ int, z, p, n, mask string) {
		t.I("VSUBPS", n, z, z)
		t.I("VMOVUPS", t.exp2C("exp2P5"), p)
	})
	for _, c := range []string{"exp2P4", "exp2P3", "exp2P2", "exp2P1", "one"} {
		each(func(_ int, z, p, n, mask string) { t.I("VFMADD213PS", t.exp2C(c), z, p) })
	}
	each(func(_ int, z, p, n, mask string) {
		if t.avx512() {
			t.I("VSCALEFPS.Z", n, p, mask, p)
			return
		}
		t.I("VCVTPS2DQ", n, n)
		t.I("VPADDD", t.exponentBias(), n, n)
		t.I("VPSLLD", asm.Imm(23), n, n)
		t.I("VMULPS", n, p, p)
		t.I("VANDPS", mask, p, p)
	})
}

// atOnce is how many groups of exp2 there are registers for.
func (t *target) atOnce() int {
	if t.avx512() {
		return 4
	}
	return 1
}

// softmax writes the steps of softmaxColumnsGeneric for 16 columns.
func (t *target) softmax() {
	t.begin("softmaxColumns", nil, pointer("s", "SI"), number("keys", "CX"),
		pointer("most", "R8"), pointer("sum", "R9"), pointer("rescale", "R10"))
	vecs := lanes / t.width
	each := func(op func(i, at int)) {
		for i := range vecs {
			op(i, t.bytes()*i)
		}
	}
	free := 4 * t.atOnce()
	most := func(i int) string { return t.reg(free + i) }
	chain := func(c, i int) string { return t.reg(free + 4 + c*vecs + i) } // of maxima, then of sums
	fold := func(op string) {
		for step := chains / 2; step > 0; step /= 2 {
			for c := range step {
				each(func(i, _ int) { t.I(op, chain(c, i), chain(c+step, i), chain(c, i)) })
			}
		}
	}
	t.loadExp2()

	for c := range chains {
		each(func(i, at int) { t.I("VMOVUPS", asm.Mem("R8", at), chain(c, i)) })
	}
	t.keys("max", func(first, n int) {
		for c := range n {
			each(func(i, at int) {
				t.I("VMOVUPS", asm.Mem("DI", c*rowBytes+at), t.reg(i))
				t.I("VMAXPS", chain(first+c, i), t.reg(i), chain(first+c, i))
			})
		}
	})
	fold("VMAXPS")
	each(func(i, at int) {
		t.I("VXORPS", lowX(most(i)), lowX(most(i)), lowX(most(i)))
		t.I("VADDPS", chain(0, i), most(i), most(i)) // of two zeros the positive one
		z, p := t.reg(0), t.reg(1)
		t.I("VMOVUPS", asm.Mem("R8", at), z)
		t.I("VMOVUPS", most(i), asm.Mem("R8", at))
		t.I("VSUBPS", most(i), z, z)
		t.exp2(0)
		t.I("VMOVUPS", p, asm.Mem("R10", at))
	})

	for c := range chains {
		each(func(i, _ int) { t.I("VXORPS", lowX(chain(c, i)), lowX(chain(c, i)), lowX(chain(c, i))) })
	}
	t.keys("exp", func(first, n int) {
		var scores []score
		for c := range n {
			each(func(i, at int) {
				scores = append(scores, score{asm.Mem("DI", c*rowBytes+at), most(i), chain(first+c, i)})
			})
		}
		t.weigh(scores)
	})
	fold("VADDPS")
	each(func(i, at int) {
		sum := t.reg(0)
		t.I("VMOVUPS", asm.Mem("R9", at), sum)
		t.I("VFMADD132PS", asm.Mem("R10", at), chain(0, i), sum)
		t.I("VMOVUPS", sum, asm.Mem("R9", at))
	})
	t.end()
}

// score is a vector of scores in memory, and the registers of its maximum and
// its sum.
type score struct{ at, most, sum string }

// weigh turns scores into weights and adds them up.
func (t *target) weigh(scores []score) {
	for some := range slices.Chunk(scores, t.atOnce()) {
		var groups []int
		for i, s := range some {
			groups = append(groups, 4*i)
			t.I("VMOVUPS", s.at, t.reg(4*i))
			t.I("VSUBPS", s.most, t.reg(4*i), t.reg(4*i))
		}
		t.exp2(groups...)
		for i, s := range some {
			t.I("VMOVUPS", t.reg(4*i+1), s.at)
			t.I("VADDPS", t.reg(4*i+1), s.sum, s.sum)
		}
	}
}

// chains is the number of maxima and of sums of a column: key i belongs to
// chain i%4, and the chains combine as (0+2)+(1+3).
const chains = 4

// keys is a loop over CX keys, with the row of the first of them in DI: body
// is for n chains from the first on.
func (t *target) keys(label string, body func(first, n int)) {
	t.I("MOVQ", "SI", "DI")
	t.I("MOVQ", "CX", "DX")
	t.I("SUBQ", asm.Imm(chains), "DX")
	t.I("JLT", label+"Rest")
	t.Label(label)
	body(0, chains)
	t.I("ADDQ", asm.Imm(chains*rowBytes), "DI")
	t.I("SUBQ", asm.Imm(chains), "DX")
	t.I("JGE", label)
	t.Label(label + "Rest")
	t.I("ADDQ", asm.Imm(chains), "DX")
	t.I("JZ", label+"End")
	for c := range chains - 1 {
		body(c, 1)
		if c < chains-2 {
			t.I("ADDQ", asm.Imm(rowBytes), "DI")
			t.I("DECQ", "DX")
			t.I("JZ", label+"End")
		}
	}
	t.Label(label + "End")
}

// lowX is the part of 128 bits of a register; writing it clears the rest.
func lowX(reg string) string { return "X" + reg[1:] }

// scaleColumns writes x·f for 16 columns of a panel.
func (t *target) scaleColumns() {
	t.begin("scaleColumns", nil, pointer("x", "SI"), number("rows", "CX"), pointer("f", "R8"))
	vecs := lanes / t.width
	for i := range vecs {
		t.I("VMOVUPS", asm.Mem("R8", t.bytes()*i), t.reg(i))
	}
	t.Label("row")
	for i := range vecs {
		x := t.reg(vecs + i)
		t.I("VMULPS", asm.Mem("SI", t.bytes()*i), t.reg(i), x)
		t.I("VMOVUPS", x, asm.Mem("SI", t.bytes()*i))
	}
	t.I("ADDQ", asm.Imm(rowBytes), "SI")
	t.I("DECQ", "CX")
	t.I("JNZ", "row")
	t.end()
}
