// Gemm writes the innermost loops of matrix products: for each instruction
// set one function for each number of rows and vectors that a tile can have.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sdgo/internal/kernel/_asm/asm"
)

//go:generate go run . ../..

const command = "internal/kernel/_asm/gemm"

// target is an instruction set and the shape of its tiles.
type target struct {
	name  string
	reg   func(int) string // a vector register
	regs  int
	lanes int   // float32s of a vector
	rows  int   // most rows of a tile
	vecs  []int // vectors of a row
	pairs bool  // factors are pairs of bfloat16

	// multiply adds to acc the products of a and b, lane by lane. A lane of 4 bytes is
	// a float32, or two bfloat16 or four integers whose products are summed.
	multiply func(f *asm.File, a, b, acc string)
}

var targets = []target{
	{name: "AVX2", reg: asm.Y, regs: 16, lanes: 8, rows: 6, vecs: []int{2}, multiply: fma},
	{name: "AVX512", reg: asm.Z, regs: 32, lanes: 16, rows: 12, vecs: []int{1, 2}, multiply: fma},
}

// rounded are the instruction sets whose factors are less than float32.
var rounded = []target{
	{name: "BF16", reg: asm.Z, regs: 32, lanes: 16, rows: 12, vecs: []int{1, 2}, pairs: true, multiply: asm.VDPBF16PS},
	{name: "VNNI", reg: asm.Z, regs: 32, lanes: 16, rows: 12, vecs: []int{1, 2}, multiply: vpdpbusd},
}

// winograds are the instruction sets with transforms of Winograd's convolution.
var winograds = append(slices.Clone(targets), rounded[0])

func fma(f *asm.File, a, b, acc string) { f.I("VFMADD231PS", a, b, acc) }

// vpdpbusd multiplies unsigned integers of a with signed ones of b.
func vpdpbusd(f *asm.File, a, b, acc string) { f.I("VPDPBUSD", b, a, acc) }

// rowRegs point to the ends of the rows of A; B and the counter have their own.
var rowRegs = []string{"AX", "BX", "CX", "DX", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}

const (
	b     = "SI" // next row of the panel of B
	count = "DI" // runs from -k to 0, so that it indexes the rows of A too
	next  = "BP" // what to prefetch; the frame saves it
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: gemm directory")
	}
	dir := os.Args[1]
	for _, t := range targets {
		f := asm.New(command, "!purego")
		t.products(f)
		for _, cols := range sumCols {
			t.sum(f, cols)
		}
		if t.name == "AVX2" {
			transpose(f)
		}
		if err := f.Write(filepath.Join(dir, "gemm_"+strings.ToLower(t.name)+"_amd64.s")); err != nil {
			log.Fatal(err)
		}
	}
	for _, t := range rounded {
		f := asm.New(command, "!purego")
		t.products(f)
		if t.name == "BF16" {
			t.weighers(f)
		}
		if err := f.Write(filepath.Join(dir, "gemm_"+strings.ToLower(t.name)+"_amd64.s")); err != nil {
			log.Fatal(err)
		}
	}
	for _, t := range winograds {
		if err := t.winograd().Write(filepath.Join(dir, "winograd_"+strings.ToLower(t.name)+"_amd64.s")); err != nil {
			log.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "gemm_stubs_amd64.go"), stubs(), 0o644); err != nil {
		log.Fatal(err)
	}
	if err := arm64.write(dir); err != nil {
		log.Fatal(err)
	}
}

func (t target) productName(rows, vecs int) string {
	return fmt.Sprintf("tile%dx%d%s", rows, vecs*t.lanes, t.name)
}

// products writes a function for each shape of a tile.
func (t target) products(f *asm.File) {
	for _, vecs := range t.vecs {
		for rows := 1; rows <= t.rows; rows++ {
			t.product(f, rows, vecs)
		}
	}
}

// product writes one function. A row of A is broadcast element by element and
// multiplied with the vectors of B's row; the sums stay in registers over all
// taps.
//
// In one piece: it writes one function, whose registers all its parts share.
func (t target) product(f *asm.File, rows, vecs int) {
	name := t.productName(rows, vecs)
	f.Func(name, 48, 8, "func "+name+"(t *tile)")

	bReg := func(j int) string { return t.reg(j) }
	temps := t.regs - rows*vecs - vecs
	if temps > 6 {
		temps = 6
	}
	temp := func(i int) string { return t.reg(vecs + i%temps) }
	acc := func(i, j int) string { return t.reg(t.regs - rows*vecs + i*vecs + j) }
	base, zero, k := asm.Local("base", 8), asm.Local("zero", 16), asm.Local("k", 24)
	offsets, taps := asm.Local("offsets", 32), asm.Local("taps", 40)
	fetch := asm.Local("fetch", 48)

	f.I("MOVQ", asm.Arg("t", 0), "DI")
	f.I("MOVQ", "tile_k(DI)", "AX")
	f.I("MOVQ", "tile_a(DI)", "BX")
	f.I("LEAQ", "(BX)(AX*4)", "BX")
	f.I("MOVQ", "BX", base)
	f.I("MOVQ", "tile_zero(DI)", "BX")
	f.I("LEAQ", "(BX)(AX*4)", "BX")
	f.I("MOVQ", "BX", zero)
	f.I("NEGQ", "AX")
	f.I("MOVQ", "AX", k)
	f.I("MOVQ", "tile_offsets(DI)", "AX")
	f.I("MOVQ", "AX", offsets)
	f.I("MOVQ", "tile_taps(DI)", "AX")
	f.I("MOVQ", "AX", taps)
	f.I("MOVQ", "tile_b(DI)", b)
	f.I("MOVQ", "tile_fetch(DI)", "AX")
	f.I("MOVQ", "AX", fetch)
	f.I("MOVQ", "tile_next(DI)", next)
	f.I("TESTQ", next, next)
	f.I("CMOVQEQ", b, next)
	f.I("MOVQ", "tile_out(DI)", "AX")
	f.I("TESTQ", "AX", "AX")
	f.I("JZ", "start")
	f.I("MOVQ", "tile_stride(DI)", "BX")
	for i := range rows {
		for j := 0; j < vecs*t.lanes; j += 16 {
			f.I("PREFETCHT0", asm.Mem("AX", 4*j))
		}
		if i < rows-1 {
			f.I("LEAQ", "(AX)(BX*4)", "AX")
		}
	}
	f.Label("start")

	each := func(op func(i, j int)) {
		for i := range rows {
			for j := range vecs {
				op(i, j)
			}
		}
	}
	f.I("CMPB", "tile_add(DI)", "$0")
	f.I("JNE", "load")
	each(func(i, j int) { f.I("VXORPS", acc(i, j), acc(i, j), acc(i, j)) })
	f.I("JMP", "tap")
	f.Label("load")
	t.eachRow(f, rows, vecs, func(c string, i, j int) { f.I("VMOVUPS", c, acc(i, j)) })

	f.Label("tap")
	f.I("MOVQ", offsets, count)
	for i := range rows {
		f.I("MOVLQSX", asm.Mem(count, 4*i), rowRegs[i])
	}
	f.I("ADDQ", asm.Imm(4*12), count)
	f.I("MOVQ", count, offsets)
	f.I("MOVQ", base, count)
	for i := range rows {
		f.I("TESTQ", rowRegs[i], rowRegs[i])
		f.I("LEAQ", asm.MemIndex(count, 0, rowRegs[i], 4), rowRegs[i])
		f.I("CMOVQLT", zero, rowRegs[i])
	}
	f.I("MOVQ", k, count)

	f.Label("loop")
	for j := range vecs {
		f.I("VMOVUPS", asm.Mem(b, j*4*t.lanes), bReg(j))
	}
	for i := range rows {
		f.I("VBROADCASTSS", asm.MemIndex(rowRegs[i], 0, count, 4), temp(i))
		for j := range vecs {
			t.multiply(f, temp(i), bReg(j), acc(i, j))
		}
	}
	f.I("PREFETCHT1", asm.Mem(next, 0))
	f.I("ADDQ", fetch, next)
	f.I("ADDQ", asm.Imm(4*32), b)
	f.I("INCQ", count)
	f.I("JNZ", "loop")
	f.I("DECQ", taps)
	f.I("JNZ", "tap")

	f.I("MOVQ", asm.Arg("t", 0), "DI")
	t.eachRow(f, rows, vecs, func(c string, i, j int) { f.I("VMOVUPS", acc(i, j), c) })
	f.I("VZEROUPPER")
	f.I("RET")
}

// eachRow visits the vectors of the tile's rows in C, with the tile in DI.
func (t target) eachRow(f *asm.File, rows, vecs int, op func(c string, i, j int)) {
	f.I("MOVQ", "tile_c(DI)", "AX")
	f.I("MOVQ", "tile_ldc(DI)", "BX")
	for i := range rows {
		for j := range vecs {
			op(asm.Mem("AX", j*4*t.lanes), i, j)
		}
		if i < rows-1 {
			f.I("LEAQ", "(AX)(BX*4)", "AX")
		}
	}
}

// stubs are the Go declarations and, for each instruction set and width, the
// choice by the number of rows.
func stubs() []byte {
	all := slices.Concat(targets, rounded)
	w := stubsFile()
	for _, t := range all {
		t.kernelStubs(w)
	}
	fmt.Fprintf(w, "\n//go:noescape\n%s\n", transposeSignature)
	for _, t := range targets {
		t.sumStubs(w)
	}
	for _, t := range winograds {
		w.WriteString(t.winogradStubs())
	}
	for _, t := range all {
		t.choices(w)
	}
	weighStubs(w, rounded[0])
	return []byte(w.String())
}

func stubsFile() *strings.Builder {
	w := &strings.Builder{}
	fmt.Fprintf(w, "// Code generated by %s. DO NOT EDIT.\n\n//go:build !purego\n\npackage kernel\n", command)
	return w
}

func (t target) kernelStubs(w *strings.Builder) {
	for _, vecs := range t.vecs {
		for rows := 1; rows <= t.rows; rows++ {
			fmt.Fprintf(w, "\n//go:noescape\nfunc %s(t *tile)\n", t.productName(rows, vecs))
		}
	}
}

func (t target) sumStubs(w *strings.Builder) {
	for _, cols := range sumCols {
		fmt.Fprintf(w, "\n//go:noescape\nfunc %s(s *sum)\n", t.sumName(cols))
	}
}

// choices writes, for each width, the choice by the number of rows.
func (t target) choices(w *strings.Builder) {
	for _, vecs := range t.vecs {
		name := fmt.Sprintf("tile%d%s", vecs*t.lanes, t.name)
		fmt.Fprintf(w, "\n// %s runs a tile of 1 to %d rows and %d columns.\n", name, t.rows, vecs*t.lanes)
		fmt.Fprintf(w, "func %s(t *tile) {\n\tswitch t.rows {\n", name)
		for rows := 1; rows <= t.rows; rows++ {
			fmt.Fprintf(w, "\tcase %d:\n\t\t%s(t)\n", rows, t.productName(rows, vecs))
		}
		fmt.Fprintf(w, "\t}\n}\n")
	}
}
