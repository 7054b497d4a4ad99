package safetensors

import "fmt"

// DType is the type of a tensor's elements, stored little endian.
//
// The constants stand in the order of the official implementation, which is
// also the order in which [Write] lays tensors out: from the last to the first.
type DType uint8

// The element types of safetensors 0.8. F4 and F6 are packed without gaps, so
// a tensor of them ends on a byte boundary only for some sizes; others are a
// format error.
const (
	Bool   DType = iota + 1 // BOOL, one byte; anything but 0 is true
	F4                      // E2M1, two to a byte
	F6E2M3                  // four to three bytes
	F6E3M2                  // four to three bytes
	U8
	I8
	F8E5M2     // with infinities, as IEEE 754 would have it
	F8E4M3     // E4M3FN: no infinities, largest value 448
	F8E8M0     // a power of two, 2^(code−127); 255 is NaN
	F8E4M3FNUZ // no infinities, no negative zero, bias 8
	F8E5M2FNUZ // no infinities, no negative zero, bias 16
	I16
	U16
	F16  // IEEE 754 binary16
	BF16 // the upper half of a binary32
	I32
	U32
	F32 // IEEE 754 binary32
	C64 // two binary32: real, imaginary
	F64 // IEEE 754 binary64
	I64
	U64
)

// dtypes gives name and size of each DType.
var dtypes = [...]struct {
	name string
	bits uint64
}{
	Bool: {"BOOL", 8},
	F4:   {"F4", 4}, F6E2M3: {"F6_E2M3", 6}, F6E3M2: {"F6_E3M2", 6},
	U8: {"U8", 8}, I8: {"I8", 8},
	F8E5M2: {"F8_E5M2", 8}, F8E4M3: {"F8_E4M3", 8}, F8E8M0: {"F8_E8M0", 8},
	F8E4M3FNUZ: {"F8_E4M3FNUZ", 8}, F8E5M2FNUZ: {"F8_E5M2FNUZ", 8},
	I16: {"I16", 16}, U16: {"U16", 16}, F16: {"F16", 16}, BF16: {"BF16", 16},
	I32: {"I32", 32}, U32: {"U32", 32}, F32: {"F32", 32},
	C64: {"C64", 64}, F64: {"F64", 64}, I64: {"I64", 64}, U64: {"U64", 64},
}

// dtypeByName is the inverse of dtypes' names.
var dtypeByName = func() map[string]DType {
	m := make(map[string]DType, len(dtypes))
	for d := Bool; d <= U64; d++ {
		m[dtypes[d].name] = d
	}
	return m
}()

// valid reports whether d is one of the constants.
func (d DType) valid() bool { return d >= Bool && d <= U64 }

// String returns the name that the file format uses, such as "F8_E4M3".
func (d DType) String() string {
	if !d.valid() {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Bits returns the size of one element in bits: 4 to 64, and 0 for a value
// that is none of the constants.
func (d DType) Bits() int {
	if !d.valid() {
		return 0
	}
	return int(dtypes[d].bits)
}

// convertsTo reports whether elements can be read as "float32" or "int64".
func (d DType) convertsTo(goType string) bool {
	switch d {
	case Bool, U8, I8, U16, I16, U32, I32, U64, I64:
		return true
	case F8E5M2, F8E4M3, F8E8M0, F8E4M3FNUZ, F8E5M2FNUZ, F16, BF16, F32, F64:
		return goType == "float32"
	}
	return false
}
