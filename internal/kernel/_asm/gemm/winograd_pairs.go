package main

import "sdgo/internal/kernel/_asm/asm"

// Registers 0 to 2 are free while a transform stores its results.
const pairOrder, pairTemp = 0, 1

// pairTable is the order of the words of a vector that puts the elements of its halves
// side by side.
func (t target) pairTable(f *asm.File) {
	var words []uint32
	for i := range uint32(t.lanes) {
		words = append(words, (i+uint32(t.lanes))<<16|i)
	}
	f.Uint32s("winogradPairs", words...)
}

func (t target) loadPairs(f *asm.File) {
	f.I("VMOVUPS", asm.Symbol("winogradPairs", 0), t.reg(pairOrder))
}

// pair makes pairs of bfloat16 of the vector at a place and of v, and puts them there.
func (t target) pair(f *asm.File, v, place string) {
	temp := t.reg(pairTemp)
	f.I("VMOVUPS", place, temp)
	asm.VCVTNE2PS2BF16(f, temp, v, temp)
	f.I("VPERMW", temp, t.reg(pairOrder), temp)
	f.I("VMOVUPS", temp, place)
}

// lower is the lower half of a vector.
func lower(v string) string { return "Y" + v[1:] }
