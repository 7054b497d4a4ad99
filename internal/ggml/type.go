// Package ggml has the types of numbers of ggml, the library of llama.cpp and
// stable-diffusion.cpp, as GGUF files hold them. Most are blocks of 32 or 256 numbers that
// share a scale, so that a number takes 2 to 8 bits and a little.
//
//	Q8_0, Q4_0, Q5_0   x = d·q               32 numbers, q signed or with an offset
//	Q4_1, Q5_1         x = d·q + m           32 numbers
//	Q3_K, Q6_K         x = d·s·q             256 numbers, a scale s for each 16
//	Q2_K               x = d·s·q − m·t       256 numbers, s and t for each 16
//	Q4_K, Q5_K         x = d·s·q − m·t       256 numbers, s and t for each 32
//	Q8_K               x = d·q               256 numbers
//
// [Type.Dequantize] gives the numbers that ggml's own reference gives, bit for bit: each
// product and sum is rounded to float32 by itself. [Type.Quantize] makes the blocks of 32 that
// it makes; for those of 256 it searches for scales in its own way, with less error.
//
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package ggml

import (
	"fmt"
	"strings"
)

// Type is a type of numbers, by its number in GGUF files.
type Type uint32

// The types that can be read.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q2_K Type = 10
	Q3_K Type = 11
	Q4_K Type = 12
	Q5_K Type = 13
	Q6_K Type = 14
	Q8_K Type = 15
	I8   Type = 24
	I16  Type = 25
	I32  Type = 26
	I64  Type = 27
	F64  Type = 28
	BF16 Type = 30
)

// The numbers of a block.
const (
	small = 32
	super = 256

	// MaxBlock is the most numbers that a block of any type has.
	MaxBlock = super
)

// names are those of all types, also of those that cannot be read.
var names = [...]string{
	"F32", "F16", "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1",
	"Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K",
	"IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
	"I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16", "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8",
	"TQ1_0", "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4", "NVFP4", "Q1_0",
}

// format is how numbers of a type are stored.
type format struct {
	numbers, bytes int // of a block

	// decode widens a block, or of a type without blocks any count of numbers.
	decode func(dst []float32, src []byte)

	// encode makes a block, or of a type without blocks some, of finite numbers, and
	// tells whether they are within the range of the type. It is nil of a type that is
	// not written.
	encode func(dst []byte, x []float32) bool
}

// formats are those of the types that can be read.
var formats = [len(names)]format{
	F32:  {1, 4, decodeF32, encodeF32},
	F16:  {1, 2, decodeF16, encodeF16},
	BF16: {1, 2, decodeBF16, encodeBF16},
	F64:  {1, 8, decodeF64, nil},
	I8:   {1, 1, decodeI8, nil},
	I16:  {1, 2, decodeI16, nil},
	I32:  {1, 4, decodeI32, nil},
	I64:  {1, 8, decodeI64, nil},
	Q4_0: {small, 2 + small/2, decodeQ4_0, encodeQ4_0},
	Q4_1: {small, 4 + small/2, decodeQ4_1, encodeQ4_1},
	Q5_0: {small, 2 + small/8 + small/2, decodeQ5_0, encodeQ5_0},
	Q5_1: {small, 4 + small/8 + small/2, decodeQ5_1, encodeQ5_1},
	Q8_0: {small, 2 + small, decodeQ8_0, encodeQ8_0},
	Q2_K: {super, super/16 + super/4 + 4, decodeQ2_K, encodeQ2_K},
	Q3_K: {super, super/8 + super/4 + 12 + 2, decodeQ3_K, encodeQ3_K},
	Q4_K: {super, 4 + 12 + super/2, decodeQ4_K, encodeQ4_K},
	Q5_K: {super, 4 + 12 + super/8 + super/2, decodeQ5_K, encodeQ5_K},
	Q6_K: {super, super/2 + super/4 + super/16 + 2, decodeQ6_K, encodeQ6_K},
	Q8_K: {super, 4 + super + super/16*2, decodeQ8_K, nil},
}

// String returns the name that ggml has for the type, such as "Q4_K".
func (t Type) String() string {
	if t >= Type(len(names)) {
		return fmt.Sprintf("type %d", uint32(t))
	}
	return names[t]
}

// Parse returns the type of a name in either case, if it can be read.
func Parse(name string) (Type, bool) {
	for i, n := range names {
		if t := Type(i); strings.EqualFold(n, name) && t.Readable() {
			return t, true
		}
	}
	return 0, false
}

// Readable tells whether numbers of the type can be read. The others are refused: they
// need tables that ggml's code has, or are no types of files.
func (t Type) Readable() bool { return t < Type(len(formats)) && formats[t].numbers > 0 }

// Block returns how many numbers a block has, 1 if each stands alone, and its bytes. A row
// of a tensor has whole blocks. Both are 0 of a type that cannot be read.
func (t Type) Block() (numbers, bytes int) {
	if !t.Readable() {
		return 0, 0
	}
	return formats[t].numbers, formats[t].bytes
}

// Quantised tells whether numbers share a scale.
func (t Type) Quantised() bool {
	n, _ := t.Block()
	return n > 1
}

// Bytes returns the bytes of n numbers, which must be whole blocks.
func (t Type) Bytes(n int) int {
	numbers, bytes := t.Block()
	if numbers == 0 || n%numbers != 0 {
		panic(fmt.Sprintf("ggml: %v: bytes of %d numbers, want whole blocks of a type that can be read", t, n))
	}
	return n / numbers * bytes
}
