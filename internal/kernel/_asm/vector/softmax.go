package main

import (
	"slices"

	"sdgo/internal/kernel/_asm/asm"
)

// rowBytes is a row of a panel: 32 float32s.
const rowBytes = 4 * 32

// polynomial lists the constants of 2^f, the highest power first.
var polynomial = []string{"exp2P5", "exp2P4", "exp2P3", "exp2P2", "exp2P1", "one"}

// loadExp2 fills the registers that hold the constants of exp2 in AVX-512, from 31
// down; AVX2, which has few, takes them from memory.
func (t *target) loadExp2() {
	if !t.avx512() {
		return
	}
	t.load("exp2Min", t.reg(31))
	for i, name := range polynomial {
		t.load(name, t.reg(30-i))
	}
}

// exp2C is the operand of constant i of the polynomial.
func (t *target) exp2C(i int) string {
	if t.avx512() {
		return t.reg(30 - i)
	}
	return t.C(polynomial[i])
}

func (t *target) exp2Min() string {
	if t.avx512() {
		return t.reg(31)
	}
	return t.C("exp2Min")
}

// exp2 sets p = 2^z in the order of the plain Go exp2, with z in register r
// and p in r+1; it spoils r to r+3. Several such fours go side by side, so that
// the latency of one is the work of the others.
func (t *target) exp2(first ...int) {
	const notLess, floor = 5, 9
	each := func(op func(i int, z, p, n, mask string)) {
		for i, r := range first {
			mask := t.reg(r + 3)
			if t.avx512() {
				mask = asm.K(1 + i)
			}
			op(i, t.reg(r), t.reg(r+1), t.reg(r+2), mask)
		}
	}
	each(func(_ int, z, p, n, mask string) {
		t.I("VCMPPS", asm.Imm(notLess), t.exp2Min(), z, mask)
		if t.avx512() {
			t.I("VRNDSCALEPS", asm.Imm(floor), z, n)
		} else {
			t.I("VROUNDPS", asm.Imm(floor), z, n)
		}
	})
	each(func(_ int, z, p, n, mask string) {
		t.I("VSUBPS", n, z, z)
		t.I("VMOVUPS", t.exp2C(0), p)
	})
	for c := 1; c < len(polynomial); c++ {
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

// atOnce is how many fours of exp2 there are registers for.
func (t *target) atOnce() int {
	if t.avx512() {
		return 4
	}
	return 1
}

// columns are 16 columns of scores, one after the other down the panel at SI, in CX
// rows. The state of the softmax is at R8 (maxima), R9 (sums) and R10 (rescale).
type columns struct {
	*target
}

var columnParams = []param{pointer("s", "SI"), number("keys", "CX"),
	pointer("most", "R8"), pointer("sum", "R9"), pointer("rescale", "R10")}

// each calls op for the vectors of a row.
func (c columns) each(op func(i, at int)) {
	for i := range lanes / c.width {
		op(i, c.bytes()*i)
	}
}

// most holds the new maxima, and chain the maxima and then the sums of each chain of
// keys. Below them are the registers of exp2.
func (c columns) most(i int) string { return c.reg(4*c.atOnce() + i) }
func (c columns) chain(n, i int) string {
	return c.reg(4*c.atOnce() + 4 + n*(lanes/c.width) + i)
}

// fold combines the chains.
func (c columns) fold(op string) {
	for half := chains / 2; half > 0; half /= 2 {
		for n := range half {
			c.each(func(i, _ int) { c.I(op, c.chain(n, i), c.chain(n+half, i), c.chain(n, i)) })
		}
	}
}

// maxima updates the maxima, leaves the new ones in registers and stores the factors
// for what was computed under the old ones.
func (c columns) maxima() {
	c.loadExp2()
	for n := range chains {
		c.each(func(i, at int) { c.I("VMOVUPS", asm.Mem("R8", at), c.chain(n, i)) })
	}
	c.keys("max", func(first, n int) {
		for k := range n {
			c.each(func(i, at int) {
				c.I("VMOVUPS", asm.Mem("DI", k*rowBytes+at), c.reg(i))
				c.I("VMAXPS", c.chain(first+k, i), c.reg(i), c.chain(first+k, i))
			})
		}
	})
	c.fold("VMAXPS")
	c.each(func(i, at int) {
		most := c.most(i)
		c.I("VXORPS", lowX(most), lowX(most), lowX(most))
		c.I("VADDPS", c.chain(0, i), most, most) // of two zeros the positive one
		z, p := c.reg(0), c.reg(1)
		c.I("VMOVUPS", asm.Mem("R8", at), z)
		c.I("VMOVUPS", most, asm.Mem("R8", at))
		c.I("VSUBPS", most, z, z)
		c.exp2(0)
		c.I("VMOVUPS", p, asm.Mem("R10", at))
	})
	for n := range chains {
		c.each(func(i, _ int) { c.I("VXORPS", lowX(c.chain(n, i)), lowX(c.chain(n, i)), lowX(c.chain(n, i))) })
	}
}

// sums folds the sums of the chains into those of the columns.
func (c columns) sums() {
	c.fold("VADDPS")
	c.each(func(i, at int) {
		sum := c.reg(0)
		c.I("VMOVUPS", asm.Mem("R9", at), sum)
		c.I("VFMADD132PS", asm.Mem("R10", at), c.chain(0, i), sum)
		c.I("VMOVUPS", sum, asm.Mem("R9", at))
	})
}

// softmax writes softmaxColumnsGeneric for 16 columns.
func (t *target) softmax() {
	t.begin("softmaxColumns", nil, columnParams...)
	c := columns{t}
	c.maxima()
	c.keys("exp", func(first, n int) {
		var scores []score
		for k := range n {
			c.each(func(i, at int) {
				scores = append(scores, score{asm.Mem("DI", k*rowBytes+at), c.most(i), c.chain(first+k, i)})
			})
		}
		t.weigh(scores)
	})
	c.sums()
	t.end()
}

// score is a vector of scores in memory, and the registers of its maximum and
// its sum.
type score struct{ at, most, sum string }

// weigh turns scores into weights and adds them up.
func (t *target) weigh(scores []score) {
	for some := range slices.Chunk(scores, t.atOnce()) {
		var first []int
		for i, s := range some {
			first = append(first, 4*i)
			t.I("VMOVUPS", s.at, t.reg(4*i))
			t.I("VSUBPS", s.most, t.reg(4*i), t.reg(4*i))
		}
		t.exp2(first...)
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
