package main

import "sdgo/internal/kernel/_asm/asm"

// weightFormat is a way to store weights that products widen to float32.
type weightFormat struct {
	name string
	size int // bytes of a weight
	load func(f *asm.File, from, to string)
}

var weightFormats = []weightFormat{
	{"F32", 4, func(f *asm.File, from, to string) { f.I("VMOVUPS", from, to) }},
	{"F16", 2, func(f *asm.File, from, to string) { f.I("VCVTPH2PS", from, to) }},
}
