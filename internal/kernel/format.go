package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// Format is how weights are stored. The arithmetic on [Float32] and [Float16] is
// float32, with the same bytes on every processor; [BFloat16] and [Int8] are also
// the type of the factors, and activations are rounded to it.
type Format uint8

const (
	Float32 Format = iota
	Float16        // IEEE 754 half precision
	BFloat16
	Int8 // with a scale for each output
)

var formatNames = [...]string{"float32", "float16", "bfloat16", "int8"}

func (f Format) String() string { return formatNames[f] }

// size is the bytes of a weight.
func (f Format) size() int { return [...]int{4, 2, 2, 1}[f] }

// floats is the number of float32s whose memory n weights take.
func (f Format) floats(n int) int { return ceilDiv(n*f.size(), 4) }

// at reads weight i of a list in a format of float32 arithmetic.
func (f Format) at(list unsafe.Pointer, i int) float32 {
	if f == Float32 {
		return *(*float32)(unsafe.Add(list, 4*i))
	}
	return float16ToFloat32(*(*uint16)(unsafe.Add(list, 2*i)))
}

// float16ToFloat32 is exact.
func float16ToFloat32(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0: // zero and subnormal numbers
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(x))
	case 31:
		if fraction != 0 {
			fraction |= 1 << 9 // a quiet NaN
		}
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// MaxFloat16 is the largest number of [Float16].
const MaxFloat16 = 65504

// float32ToFloat16 rounds to the nearest, ties to even.
func float32ToFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	bits &^= 1 << 31
	switch {
	case bits > 255<<23:
		return sign | 0x7e00 | uint16(bits>>13&1023)
	case bits >= 143<<23: // 65536 and more
		return sign | 0x7c00
	case bits < 113<<23: // subnormal: count units of 2⁻²⁴
		x := math.Float32frombits(bits) + 0.5 // the sum's last bit is such a unit
		return sign | uint16(math.Float32bits(x)-math.Float32bits(0.5))
	}
	return sign | uint16((bits-112<<23+0xfff+bits>>13&1)>>13)
}

// bfloat16 rounds to the nearest, ties to even. As the processors' instruction does,
// it takes subnormal numbers for zero.
func bfloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	switch {
	case x != x:
		return uint16(bits>>16) | 0x40
	case bits&(255<<23) == 0:
		return uint16(bits >> 16 & 0x8000)
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// fromBFloat16 is exact.
func fromBFloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// halves is the same memory as numbers of 16 bits.
func halves(x []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}

func (f Format) mustBe(what string, formats ...Format) {
	for _, g := range formats {
		if f == g {
			return
		}
	}
	panic(fmt.Sprintf("kernel: %s: weights in %v", what, f))
}

// Float16Bits rounds to float16, to the nearest and of two to the even.
func Float16Bits(x float32) uint16 { return float32ToFloat16(x) }

// FromFloat16 is the number that the bits of a float16 stand for.
func FromFloat16(h uint16) float32 { return float16ToFloat32(h) }

// BFloat16Bits rounds to bfloat16 likewise.
func BFloat16Bits(x float32) uint16 { return bfloat16(x) }

// PerWord is the number of weights along K that share a word of a format.
func PerWord(f Format) int { return [...]int{1, 1, 2, 4}[f] }
