package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// littleEndian says whether the machine stores numbers as the files do.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// view reinterprets b as a slice of T without a copy. It is false if b is not
// aligned for T or the machine is big endian.
func view[T float32 | int64](b []byte) ([]T, bool) {
	var zero T
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || uintptr(p)%unsafe.Alignof(zero) != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(p), len(b)/int(unsafe.Sizeof(zero))), true
}

// toFloat32 converts the elements of src, which are of type d, to dst. It is
// an error if d has no such conversion. The lengths must agree.
//
// In one piece: a case for each type.
func toFloat32(dst []float32, d DType, src []byte) error {
	le := binary.LittleEndian
	switch d {
	case F32:
		if v, ok := view[float32](src); ok {
			copy(dst, v)
			return nil
		}
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case F16:
		float16ToFloat32(dst, src)
	case BF16:
		bfloat16ToFloat32(dst, src)
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
		}
	case F8E4M3, F8E5M2, F8E8M0, F8E4M3FNUZ, F8E5M2FNUZ:
		table := &float8Tables[d-firstFloat8]
		for i := range dst {
			dst[i] = table[src[i]]
		}
	case Bool:
		for i := range dst {
			dst[i] = 0
			if src[i] != 0 {
				dst[i] = 1
			}
		}
	case U8:
		for i := range dst {
			dst[i] = float32(src[i])
		}
	case I8:
		for i := range dst {
			dst[i] = float32(int8(src[i]))
		}
	case U16:
		for i := range dst {
			dst[i] = float32(le.Uint16(src[2*i:]))
		}
	case I16:
		for i := range dst {
			dst[i] = float32(int16(le.Uint16(src[2*i:])))
		}
	case U32:
		for i := range dst {
			dst[i] = float32(le.Uint32(src[4*i:]))
		}
	case I32:
		for i := range dst {
			dst[i] = float32(int32(le.Uint32(src[4*i:])))
		}
	case U64:
		for i := range dst {
			dst[i] = float32(le.Uint64(src[8*i:]))
		}
	case I64:
		for i := range dst {
			dst[i] = float32(int64(le.Uint64(src[8*i:])))
		}
	default:
		return fmt.Errorf("no conversion from %v to float32", d)
	}
	return nil
}

// toInt64 converts the elements of src, which are of the type d, to dst. It is
// an error if d is not an integer type or Bool, or a value exceeds int64.
func toInt64(dst []int64, d DType, src []byte) error {
	le := binary.LittleEndian
	for i := range dst {
		switch d {
		case Bool:
			dst[i] = 0
			if src[i] != 0 {
				dst[i] = 1
			}
		case U8:
			dst[i] = int64(src[i])
		case I8:
			dst[i] = int64(int8(src[i]))
		case U16:
			dst[i] = int64(le.Uint16(src[2*i:]))
		case I16:
			dst[i] = int64(int16(le.Uint16(src[2*i:])))
		case U32:
			dst[i] = int64(le.Uint32(src[4*i:]))
		case I32:
			dst[i] = int64(int32(le.Uint32(src[4*i:])))
		case U64:
			v := le.Uint64(src[8*i:])
			if v > math.MaxInt64 {
				return fmt.Errorf("element %d: %d exceeds int64", i, v)
			}
			dst[i] = int64(v)
		case I64:
			dst[i] = int64(le.Uint64(src[8*i:]))
		}
	}
	return nil
}

// bfloat16ToFloat32 widens bfloat16, which is the upper half of a float32.
func bfloat16ToFloat32(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		x := binary.LittleEndian.Uint64(src)
		dst[0] = math.Float32frombits(uint32(x) << 16)
		dst[1] = math.Float32frombits(uint32(x) & 0xffff0000)
		dst[2] = math.Float32frombits(uint32(x>>32) << 16)
		dst[3] = math.Float32frombits(uint32(x>>32) & 0xffff0000)
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// float16ToFloat32 widens IEEE 754 binary16 by table, which is twice as fast as
// moving bits and has no slow path for subnormal numbers.
func float16ToFloat32(dst []float32, src []byte) {
	table := float16Table()
	for len(dst) >= 4 && len(src) >= 8 {
		x := binary.LittleEndian.Uint64(src)
		dst[0] = table[uint16(x)]
		dst[1] = table[uint16(x>>16)]
		dst[2] = table[uint16(x>>32)]
		dst[3] = table[uint16(x>>48)]
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = table[binary.LittleEndian.Uint16(src[2*i:])]
	}
}

// float16Table returns the values of all codes. A NaN keeps its payload.
var float16Table = sync.OnceValue(func() *[1 << 16]float32 {
	t := new([1 << 16]float32)
	for code := range uint32(1 << 16) {
		magnitude := code & 0x7fff << 13
		switch code & 0x7c00 {
		case 0: // zero or subnormal: mantissa·2^-24
			magnitude = math.Float32bits(float32(code&0x3ff) * 0x1p-24)
		case 0x7c00: // infinity or NaN
			magnitude |= 0xff << 23
		default: // the exponent's bias changes from 15 to 127
			magnitude += (127 - 15) << 23
		}
		t[code] = math.Float32frombits(magnitude | code&0x8000<<16)
	}
	return t
})

const firstFloat8 = F8E5M2

// float8Tables holds the values of all codes, from F8E5M2 to F8E5M2FNUZ.
//
// Micikevicius et al. (2022), FP8 Formats for Deep Learning, table 1;
// the FNUZ kinds: Noune et al. (2022), 8-bit Numerical Formats for Deep Neural
// Networks; E8M0: OCP Microscaling Formats 1.0, section 5.4.1.
//
// https://arxiv.org/abs/2209.05433
// https://arxiv.org/abs/2206.02915
var float8Tables = func() (t [F8E5M2FNUZ - firstFloat8 + 1][256]float32) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for code := range 256 {
		t[F8E5M2-firstFloat8][code] = float8(code, 2, 15)
		t[F8E4M3-firstFloat8][code] = float8(code, 3, 7)
		t[F8E8M0-firstFloat8][code] = float32(math.Ldexp(1, code-127))
		t[F8E4M3FNUZ-firstFloat8][code] = float8(code, 3, 8)
		t[F8E5M2FNUZ-firstFloat8][code] = float8(code, 2, 16)
	}
	for _, sign := range []int{0, 0x80} {
		e5m2 := &t[F8E5M2-firstFloat8]
		e5m2[sign|0x7c] = inf
		e5m2[sign|0x7d], e5m2[sign|0x7e], e5m2[sign|0x7f] = nan, nan, nan
		t[F8E4M3-firstFloat8][sign|0x7f] = nan
	}
	t[F8E5M2-firstFloat8][0xfc] = -inf
	t[F8E8M0-firstFloat8][0xff] = nan
	t[F8E4M3FNUZ-firstFloat8][0x80] = nan // in the place of negative zero
	t[F8E5M2FNUZ-firstFloat8][0x80] = nan
	return t
}()

// float8 decodes sign, exponent and mantissa as if every code were finite.
func float8(code, mantissaBits, bias int) float32 {
	exponent := code & 0x7f >> mantissaBits
	mantissa := code & (1<<mantissaBits - 1)
	if exponent == 0 {
		exponent = 1 // subnormal
	} else {
		mantissa |= 1 << mantissaBits
	}
	v := math.Ldexp(float64(mantissa), exponent-bias-mantissaBits)
	if code&0x80 != 0 {
		v = math.Copysign(v, -1)
	}
	return float32(v)
}
