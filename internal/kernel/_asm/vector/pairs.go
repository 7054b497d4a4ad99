package main

import "sdgo/internal/kernel/_asm/asm"

// Two rows of 16 float32s become one of 16 pairs of bfloat16: the halves of a vector
// are rounded rows, and a permutation of words puts their elements side by side.
const pairOrder = "Z24" // of the words

func (t *target) loadPairs() {
	t.I("VMOVUPS", asm.Symbol("pairOrder", 0), pairOrder)
}

// pairTable is the order: word 2i is from the lower half, word 2i+1 from the upper.
func (t *target) pairTable() {
	var words []uint32
	for i := range uint32(lanes) {
		words = append(words, (i+lanes)<<16|i)
	}
	t.Uint32s("pairOrder", words...)
}

// pair sets to to the pairs of low and high.
func (t *target) pair(low, high, to string) {
	asm.VCVTNE2PS2BF16(t.File, low, high, to)
	t.I("VPERMW", to, pairOrder, to)
}

// pairRows writes pairRowsGeneric for 16 columns.
func (t *target) pairRows() {
	t.begin("pairRows", nil, pointer("x", "SI"), number("pairs", "CX"))
	t.loadPairs()
	t.I("MOVQ", "SI", "DI")
	t.Label("pair")
	t.I("VMOVUPS", "(SI)", "Z0")
	t.I("VMOVUPS", asm.Mem("SI", rowBytes), "Z1")
	t.pair("Z0", "Z1", "Z0")
	t.I("VMOVUPS", "Z0", "(DI)")
	t.I("ADDQ", asm.Imm(2*rowBytes), "SI")
	t.I("ADDQ", asm.Imm(rowBytes), "DI")
	t.I("DECQ", "CX")
	t.I("JNZ", "pair")
	t.end()
	t.pairTable()
}

// splitWords writes splitWordsGeneric for a multiple of 16 words.
func (t *target) splitWords() {
	t.begin("splitWords", nil, halves("first", "DI"), halves("second", "BX"), pointer("src", "SI"), number("n", "CX"))
	t.elements(func() {
		t.I("VMOVDQU32", "(SI)(DX*4)", "Z0")
		t.I("VPMOVDW", "Z0", "(DI)(DX*2)")
		t.I("VPSRLD", asm.Imm(16), "Z0", "Z0")
		t.I("VPMOVDW", "Z0", "(BX)(DX*2)")
	})
	t.end()
}

// pairHalves writes pairHalvesGeneric.
func (t *target) pairHalves() {
	t.begin("pairHalves", nil, pointer("dst", "DI"), halves("src", "SI"), number("pairs", "CX"))
	t.loadPairs()
	t.Label("pair")
	for i := range 4 {
		t.I("VCVTPH2PS", asm.Mem("SI", i*rowBytes/4), t.reg(i))
	}
	for i := range 2 {
		t.pair(t.reg(i), t.reg(i+2), t.reg(i))
		t.I("VMOVUPS", t.reg(i), asm.Mem("DI", i*rowBytes/2))
	}
	t.I("ADDQ", asm.Imm(rowBytes), "SI")
	t.I("ADDQ", asm.Imm(rowBytes), "DI")
	t.I("DECQ", "CX")
	t.I("JNZ", "pair")
	t.end()
}
