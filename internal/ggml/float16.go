package ggml

import (
	"encoding/binary"
	"math"
)

var le = binary.LittleEndian

// half widens a float16, exactly.
func half(h uint16) float32 {
	sign, magnitude := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	switch h & 0x7c00 {
	case 0: // zero and subnormal numbers
		magnitude = math.Float32bits(float32(h&0x3ff) * 0x1p-24)
	case 0x7c00: // infinity and NaN
		magnitude |= 0xff << 23
	default: // the exponent's bias changes from 15 to 127
		magnitude += (127 - 15) << 23
	}
	return math.Float32frombits(sign | magnitude)
}

// halfAt reads the float16 at the beginning of b.
func halfAt(b []byte) float32 { return half(le.Uint16(b)) }

// toHalf rounds to float16, to the nearest and of two to the even. Beyond its range it is
// infinite.
func toHalf(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	bits &^= 1 << 31
	switch {
	case bits > 255<<23: // a quiet NaN
		return sign | 0x7e00 | uint16(bits>>13&0x3ff)
	case bits >= 143<<23: // 65536 and more
		return sign | 0x7c00
	case bits < 113<<23: // subnormal: count units of 2⁻²⁴
		x := math.Float32frombits(bits) + 0.5 // the sum's last bit is such a unit
		return sign | uint16(math.Float32bits(x)-math.Float32bits(0.5))
	}
	return sign | uint16((bits-112<<23+0xfff+bits>>13&1)>>13)
}

// toBFloat16 rounds to bfloat16 likewise.
func toBFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x { // a quiet NaN
		return uint16(bits>>16) | 0x40
	}
	return uint16((uint64(bits) + 0x7fff + uint64(bits>>16&1)) >> 16)
}

// putHalf stores a float16 and tells whether x is within its range.
func putHalf(b []byte, x float32) bool {
	h := toHalf(x)
	le.PutUint16(b, h)
	return h&0x7c00 != 0x7c00
}
