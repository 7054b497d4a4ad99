package main

import "sdgo/internal/kernel/_asm/asm"

// norms writes the sums and the affine maps of the normalisations.
func (t neon) norms() {
	t.sumChannels()
	t.sumRow()
	t.normaliseRows("normaliseRows", func(asm.V) {})
	t.normaliseRows("normaliseRowsSiLU", t.silu)
	t.normaliseRow()
}

// Sums in float64 are in registers 0 to 7, two to each, and those of squares after
// them.
const neonDoubles, neonSquares = 8, asm.V(8)

// accumulate adds the next 16 values and their squares to the registers. The product
// of two float32s is exact, so fusing it changes nothing.
func (t neon) accumulate(from string) {
	t.nextSixteen(from, 16)
	for i := range asm.V(4) {
		for half, widen := range []func(n, d asm.V){t.Fcvtl2d, t.Fcvtl2d2} {
			x, sum := 20+asm.V(half), 2*i+asm.V(half)
			square := neonSquares + sum
			widen(16+i, x)
			t.Fadd2d(x, sum, sum)
			t.I("VFMLA", x.D2(), x.D2(), square.D2())
		}
	}
}

// eachDouble moves the registers from or to memory.
func (t neon) eachDouble(sums, squares string, move func(base string, at int, v asm.V)) {
	for i := range neonDoubles / 2 {
		move(sums, 32*i, asm.V(2*i))
		move(squares, 32*i, neonSquares+asm.V(2*i))
	}
}

func (t neon) storePair(base string, at int, v asm.V) {
	t.I("FSTPQ", asm.Pair(v, v+1), asm.Mem(base, at))
}

func (t neon) loadPair(base string, at int, v asm.V) {
	t.I("FLDPQ", asm.Mem(base, at), asm.Pair(v, v+1))
}

// sumChannels writes the statistics of n channels over pixels that are stride bytes
// apart. Four pixels at a time share the traffic of the sums, as in
// target.sumChannels.
func (t neon) sumChannels() {
	sums, squares, x, n, pixels, stride := asm.R(0), asm.R(1), asm.R(2), asm.R(3), asm.R(4), asm.R(5)
	sum, square, left := asm.R(6), asm.R(7), asm.R(8)
	rows := []string{asm.R(9), asm.R(10), asm.R(11), asm.R(12)}
	t.begin("sumChannels", nil, param{"sums", "*float64", sums}, param{"squares", "*float64", squares},
		pointer("x", x), number("n", n), number("pixels", pixels), number("stride", stride))

	pass := func(label string, rows ...string) {
		t.Label(label)
		t.I("CMP", asm.Imm(len(rows)), pixels)
		t.I("BLT", label+"End")
		for _, row := range rows {
			t.I("MOVD", x, row)
			t.I("ADD", stride, x)
		}
		t.I("MOVD", sums, sum)
		t.I("MOVD", squares, square)
		t.I("MOVD", n, left)
		t.Label(label + "Channels")
		t.eachDouble(sum, square, t.loadPair)
		for _, row := range rows {
			t.accumulate(row)
		}
		t.eachDouble(sum, square, t.storePair)
		t.I("ADD", asm.Imm(8*lanes), sum)
		t.I("ADD", asm.Imm(8*lanes), square)
		t.I("SUB", asm.Imm(lanes), left)
		t.I("CBNZ", left, label+"Channels")
		t.I("SUB", asm.Imm(len(rows)), pixels)
		t.I("B", label)
		t.Label(label + "End")
	}
	pass("four", rows...)
	pass("one", rows[0])
	t.I("RET")
}

// sumRow writes the sums of a row in 16 lanes.
func (t neon) sumRow() {
	sums, x, n, squares := asm.R(0), asm.R(1), asm.R(2), asm.R(3)
	t.begin("sumRow", nil, param{"sums", "*rowSums", sums}, pointer("x", x), number("n", n))
	for i := range asm.V(2 * neonDoubles) {
		t.Clear(i)
	}
	t.elements(n, lanes, func() { t.accumulate(x) })
	t.I("ADD", asm.Imm(8*lanes), sums, squares)
	t.eachDouble(sums, squares, t.storePair)
	t.I("RET")
}

// normaliseRows writes act((x - mean)·scale + shift) for n channels of rows that are
// stride bytes apart.
func (t neon) normaliseRows(name string, act func(x asm.V)) {
	args := []string{asm.R(0), asm.R(1), asm.R(2), asm.R(3), asm.R(4), asm.R(5)}
	rows, stride := asm.R(6), asm.R(7)
	t.begin(name, nil, pointer("dst", args[0]), pointer("x", args[1]), pointer("mean", args[2]), pointer("scale", args[3]),
		pointer("shift", args[4]), number("n", args[5]), number("rows", rows), number("stride", stride))
	dst, x, mean, scale, shift, n := asm.R(8), asm.R(9), asm.R(10), asm.R(11), asm.R(12), asm.R(13)
	t.loadAct()
	t.Label("row")
	for i, reg := range []string{dst, x, mean, scale, shift, n} {
		t.I("MOVD", args[i], reg)
	}
	t.elements(n, t.width, func() {
		t.next(x, 1)
		t.next(mean, 2)
		t.next(scale, 3)
		t.next(shift, 0)
		t.Fsub(2, 1, 1)
		t.Fmla(3, 1, 0)
		act(0)
		t.put(0, dst)
	})
	t.I("ADD", stride, args[0])
	t.I("ADD", stride, args[1])
	t.I("SUB", asm.Imm(1), rows)
	t.I("CBNZ", rows, "row")
	t.I("RET")
}

// normaliseRow writes ((x - mean)·scale + shift)·gamma + beta.
func (t neon) normaliseRow() {
	dst, x, gamma, beta, n := asm.R(0), asm.R(1), asm.R(2), asm.R(3), asm.R(4)
	const mean, scale, shift = asm.V(5), asm.V(6), asm.V(7)
	t.begin("normaliseRow", nil, pointer("dst", dst), pointer("x", x), pointer("gamma", gamma), pointer("beta", beta),
		number("n", n), float("mean"), float("scale"), float("shift"))
	t.broadcast("mean+40(FP)", mean)
	t.broadcast("scale+44(FP)", scale)
	t.broadcast("shift+48(FP)", shift)
	t.elements(n, t.width, func() {
		t.next(x, 0)
		t.next(gamma, 1)
		t.next(beta, 2)
		t.Fsub(mean, 0, 0)
		t.Move(shift, 3)
		t.Fmla(scale, 0, 3)
		t.Fmla(1, 3, 2)
		t.put(2, dst)
	})
	t.I("RET")
}
