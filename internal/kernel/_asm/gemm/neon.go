package main

import (
	"fmt"
	"os"
	"path/filepath"

	"sdgo/internal/kernel/_asm/asm"
)

// neon is arm64's instruction set. Its 32 registers of 4 float32s hold the sums of 6
// rows and 16 columns, with what it takes to multiply: a tile is four such parts.
type neon struct{ target }

var arm64 = neon{target{name: "NEON", lanes: 4, rows: 6, vecs: []int{4}}}

// self holds a function's argument, a struct.
var self = asm.R(0)

func (t neon) write(dir string) error {
	f := asm.New(command, "!purego")
	for rows := 1; rows <= t.rows; rows++ {
		t.product(f, rows)
	}
	for _, cols := range sumCols {
		t.sum(f, cols)
	}
	t.transpose(f)
	if err := f.Write(filepath.Join(dir, "gemm_neon_arm64.s")); err != nil {
		return err
	}
	if err := t.winograd().Write(filepath.Join(dir, "winograd_neon_arm64.s")); err != nil {
		return err
	}
	w := stubsFile()
	t.kernelStubs(w)
	fmt.Fprintf(w, "\n//go:noescape\n%s\n", transposeNEONSignature)
	t.sumStubs(w)
	w.WriteString(t.winogradStubs())
	t.choices(w)
	return os.WriteFile(filepath.Join(dir, "gemm_stubs_arm64.go"), []byte(w.String()), 0o644)
}

// field loads a field of the struct in self.
func field(f *asm.File, name, reg string) { f.I("MOVD", name+"("+self+")", reg) }

// load and store move vectors that lie together, in pairs.
func load(f *asm.File, base string, at int, v ...asm.V) {
	for i := 0; i < len(v); i += 2 {
		f.I("FLDPQ", asm.Mem(base, at+16*i), asm.Pair(v[i], v[i+1]))
	}
}

func store(f *asm.File, base string, at int, v ...asm.V) {
	for i := 0; i < len(v); i += 2 {
		f.I("FSTPQ", asm.Pair(v[i], v[i+1]), asm.Mem(base, at+16*i))
	}
}

// vectors are n registers from the first on.
func vectors(first, n int) []asm.V {
	list := make([]asm.V, n)
	for i := range list {
		list[i] = asm.V(first + i)
	}
	return list
}

// product writes the product of some rows with 16 columns. An element of A is loaded
// into a lane, by which the instruction multiplies, so that loads and arithmetic
// share no unit of the processor.
//
// In one piece: it writes one function, whose registers all its parts share.
func (t neon) product(f *asm.File, rows int) {
	const vecs = 4
	row := func(i int) string { return asm.R(1 + i) } // ends of the rows of A
	b, count, next, fetch := asm.R(7), asm.R(8), asm.R(9), asm.R(10)
	base, zero, k, offsets, taps := asm.R(11), asm.R(12), asm.R(13), asm.R(14), asm.R(15)
	at, stride := asm.R(19), asm.R(20)
	bVecs := vectors(0, vecs)
	element := func(i int) asm.V { return asm.V(vecs + i%4) }
	acc := func(i int) []asm.V { return vectors(8+vecs*i, vecs) }

	name := t.productName(rows, vecs)
	f.Func(name, 0, 8, "func "+name+"(t *tile)")
	f.I("MOVD", asm.Arg("t", 0), self)
	field(f, "tile_k", k)
	field(f, "tile_a", base)
	f.I("ADD", asm.Shifted(k, 2), base)
	field(f, "tile_zero", zero)
	f.I("ADD", asm.Shifted(k, 2), zero)
	f.I("NEG", k, k)
	field(f, "tile_offsets", offsets)
	field(f, "tile_taps", taps)
	field(f, "tile_b", b)
	field(f, "tile_fetch", fetch)
	field(f, "tile_next", next)
	f.I("CMP", asm.Imm(0), next)
	f.I("CSEL", "EQ", b, next, next)
	field(f, "tile_out", at)
	f.I("CBZ", at, "start")
	field(f, "tile_stride", stride)
	for i := range rows {
		f.I("PRFM", asm.Mem(at, 0), "PSTL1KEEP")
		if i < rows-1 {
			f.I("ADD", asm.Shifted(stride, 2), at)
		}
	}

	eachRow := func(op func(f *asm.File, base string, at int, v ...asm.V)) {
		field(f, "tile_c", at)
		field(f, "tile_ldc", stride)
		for i := range rows {
			op(f, at, 0, acc(i)...)
			if i < rows-1 {
				f.I("ADD", asm.Shifted(stride, 2), at)
			}
		}
	}
	f.Label("start")
	f.I("MOVBU", "tile_add("+self+")", at)
	f.I("CBNZ", at, "load")
	for i := range rows {
		for _, v := range acc(i) {
			f.Clear(v)
		}
	}
	f.I("B", "tap")
	f.Label("load")
	eachRow(load)

	f.Label("tap")
	for i := range rows {
		f.I("MOVW", asm.Mem(offsets, 4*i), row(i))
	}
	f.I("ADD", asm.Imm(4*12), offsets)
	for i := range rows {
		address(f, row(i), base, zero)
	}
	f.I("MOVD", k, count)

	f.Label("loop")
	load(f, b, 0, bVecs...)
	for i := range rows {
		f.I("FMOVS", "("+row(i)+")("+asm.Shifted(count, 2)+")", element(i).F())
		for j, v := range acc(i) {
			f.FmlaLane(element(i), bVecs[j], v)
		}
	}
	f.I("PRFM", asm.Mem(next, 0), "PLDL2KEEP")
	f.I("ADD", fetch, next)
	f.I("ADD", asm.Imm(4*32), b)
	f.I("ADD", asm.Imm(1), count)
	f.I("CBNZ", count, "loop")
	f.I("SUB", asm.Imm(1), taps)
	f.I("CBNZ", taps, "tap")
	eachRow(store)
	f.I("RET")
}

// address turns an offset in float32s, which is -1 for zeros, into an address.
func address(f *asm.File, reg, base, zero string) {
	f.I("CMP", asm.Imm(0), reg)
	f.I("ADD", asm.Shifted(reg, 2), base, reg)
	f.I("CSEL", "LT", zero, reg, reg)
}

// sum writes the additions of an epilogue, as target.sum does.
func (t neon) sum(f *asm.File, cols int) {
	src, dst, residual, bias, perSample := asm.R(1), asm.R(2), asm.R(3), asm.R(4), asm.R(5)
	stride, rows, skip := asm.R(6), asm.R(7), asm.R(8)
	name := t.sumName(cols)
	f.Func(name, 0, 8, "func "+name+"(s *sum)")
	f.I("MOVD", asm.Arg("s", 0), self)
	field(f, "sum_src", src)
	field(f, "sum_dst", dst)
	field(f, "sum_residual", residual)
	field(f, "sum_bias", bias)
	field(f, "sum_perSample", perSample)
	field(f, "sum_stride", stride)
	f.I("LSL", asm.Imm(2), stride)
	field(f, "sum_skip", skip)
	f.I("ADD", asm.Shifted(skip, 7), src) // 32 columns of 4 bytes
	f.I("MUL", stride, skip)
	f.I("ADD", skip, dst)
	field(f, "sum_rows", rows)
	f.I("CBZ", residual, "row")
	f.I("ADD", skip, residual)

	x, y := vectors(0, cols/t.lanes), vectors(16, cols/t.lanes)
	f.Label("row")
	load(f, src, 0, x...)
	for _, term := range []struct{ reg, label string }{{bias, "perSample"}, {perSample, "residual"}, {residual, "store"}} {
		f.I("CBZ", term.reg, term.label)
		load(f, term.reg, 0, y...)
		for j := range x {
			f.Fadd(y[j], x[j], x[j])
		}
		if term.reg == residual {
			f.I("ADD", stride, residual)
		}
		f.Label(term.label)
	}
	store(f, dst, 0, x...)
	f.I("ADD", asm.Imm(4*32), src)
	f.I("ADD", stride, dst)
	f.I("SUB", asm.Imm(1), rows)
	f.I("CBNZ", rows, "row")
	f.I("RET")
}

// transposeNEONSignature has strides in float32s.
const transposeNEONSignature = "func transpose4NEON(dst *float32, dstStride int, src *float32, srcStride, blocks int)"

// transpose writes the transposition of 4 rows in blocks of 4 columns.
func (t neon) transpose(f *asm.File) {
	dst, dstStride, stride, blocks := asm.R(0), asm.R(1), asm.R(2), asm.R(3)
	row := func(i int) string { return asm.R(4 + i) }
	f.Func("transpose4NEON", 0, 40, transposeNEONSignature)
	f.I("MOVD", asm.Arg("dst", 0), dst)
	f.I("MOVD", asm.Arg("dstStride", 8), dstStride)
	f.I("LSL", asm.Imm(2), dstStride)
	f.I("MOVD", asm.Arg("src", 16), row(0))
	f.I("MOVD", asm.Arg("srcStride", 24), stride)
	f.I("MOVD", asm.Arg("blocks", 32), blocks)
	for i := 1; i < 4; i++ {
		f.I("ADD", asm.Shifted(stride, 2), row(i-1), row(i))
	}
	zip := func(m, n, low, high asm.V) {
		f.I("VZIP1", m.S4(), n.S4(), low.S4())
		f.I("VZIP2", m.S4(), n.S4(), high.S4())
	}
	f.Label("block")
	for i := range 4 {
		f.I("FMOVQ.P", asm.Mem(row(i), 16), asm.V(i).F())
	}
	zip(2, 0, 4, 5)
	zip(3, 1, 6, 7)
	zip(6, 4, 0, 1)
	zip(7, 5, 2, 3)
	for i := range asm.V(4) {
		f.I("FMOVQ", i.F(), asm.Mem(dst, 0))
		f.I("ADD", dstStride, dst)
	}
	f.I("SUB", asm.Imm(1), blocks)
	f.I("CBNZ", blocks, "block")
	f.I("RET")
}
