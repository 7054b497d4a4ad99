package asm

import "fmt"

// VDPBF16PS adds to acc the products of the bfloat16 pairs of a and b. Go's
// assembler lacks it.
func VDPBF16PS(f *File, a, b, acc string) { f.bf16("VDPBF16PS", prefixF3, 0x52, b, a, acc) }

// VCVTNEPS2BF16 rounds the 16 float32s of the Z register x to bfloat16 in the Y
// register of the same number as to. Go's assembler lacks it.
func VCVTNEPS2BF16(f *File, x, to string) { f.bf16("VCVTNEPS2BF16", prefixF3, 0x72, x, "", to) }

// VCVTNE2PS2BF16 rounds the float32s of low and of high to bfloat16, in the halves of
// to. Go's assembler lacks it.
func VCVTNE2PS2BF16(f *File, low, high, to string) {
	f.bf16("VCVTNE2PS2BF16", prefixF2, 0x72, low, high, to)
}

// The prefixes of an instruction, as EVEX encodes them.
const prefixF3, prefixF2 = 0b10, 0b11

// bf16 writes an instruction of AVX-512 BF16 with 512-bit registers, encoded as
// EVEX.512.<pp>.0F38.W0: first is in ModRM.rm, second, if there is one, in vvvv and dst
// in ModRM.reg, as in Go's order of operands.
func (f *File) bf16(name string, pp, opcode byte, first, second, dst string) {
	rm, v, reg := number(first), 0, number(dst)
	operands := first + ", " + dst
	if second != "" {
		v = number(second)
		operands = first + ", " + second + ", " + dst
	}
	bit := func(n, i int) byte { return byte(n>>i&1) ^ 1 } // the prefix has them inverted
	prefix := []byte{
		0x62,
		bit(reg, 3)<<7 | bit(rm, 4)<<6 | bit(rm, 3)<<5 | bit(reg, 4)<<4 | 0b10,
		byte(v&15^15)<<3 | 1<<2 | pp,
		0b10<<5 | bit(v, 4)<<3,
	}
	modrm := byte(0b11<<6 | reg&7<<3 | rm&7)
	fmt.Fprintf(&f.buf, "\tLONG $0x%02x%02x%02x%02x; WORD $0x%02x%02x // %s %s\n",
		prefix[3], prefix[2], prefix[1], prefix[0], modrm, opcode, name, operands)
}

// number is the number of a register.
func number(reg string) (n int) {
	if _, err := fmt.Sscanf(reg[1:], "%d", &n); err != nil {
		panic("no number in " + reg)
	}
	return n
}
