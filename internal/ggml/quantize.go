package ggml

import (
	"errors"
	"fmt"
	"math"
)

// RangeError says that a number cannot be had in a type.
type RangeError struct {
	At    int // the number's place
	Value float32
	Type  Type
}

// Error implements error.
func (e *RangeError) Error() string {
	if e.Value-e.Value != 0 {
		return fmt.Sprintf("number %d is %v, want finite numbers", e.At, e.Value)
	}
	return fmt.Sprintf("number %d is %v, which is beyond the range of %v", e.At, e.Value, e.Type)
}

// After counts the place of an error's number from that of a whole of which what was
// quantised is a part, from number from on. Errors of other kinds stay as they are.
func After(from int, err error) error {
	if r := (*RangeError)(nil); errors.As(err, &r) {
		r.At += from
	}
	return err
}

// Writable tells whether [Type.Quantize] makes numbers of the type.
func (t Type) Writable() bool { return t < Type(len(formats)) && formats[t].encode != nil }

// Quantize sets dst to whole blocks of a type that is writable, the nearest to the numbers
// of src. The lengths of dst and src must agree. A number that is not finite, or too large
// for the type, is a [*RangeError]. It allocates nothing else.
func (t Type) Quantize(dst []byte, src []float32) error {
	if want := t.Bytes(len(src)); len(dst) != want || !t.Writable() {
		panic(fmt.Sprintf("ggml: %v: quantise: have %d bytes for %d numbers, want %d of a type that can be written", t, len(dst), len(src), want))
	}
	f := &formats[t]
	step := f.numbers
	if step == 1 {
		step = MaxBlock
	}
	for from := 0; from < len(src); from += step {
		x := src[from:min(from+step, len(src))]
		size := len(x) / f.numbers * f.bytes
		if at := largest(x); x[at]-x[at] != 0 || !f.encode(dst[:size], x) {
			return &RangeError{At: from + at, Value: x[at], Type: t}
		}
		dst = dst[size:]
	}
	return nil
}

// largest returns the place of the first number of the largest magnitude, or of a NaN.
func largest(x []float32) (at int) {
	most := float32(0)
	for i, v := range x {
		if v < 0 {
			v = -v
		}
		if v > most {
			at, most = i, v
		}
		if v != v {
			return i
		}
	}
	return at
}

func encodeF32(dst []byte, x []float32) bool {
	for i, v := range x {
		le.PutUint32(dst[4*i:], math.Float32bits(v))
	}
	return true
}

func encodeF16(dst []byte, x []float32) bool {
	fits := true
	for i, v := range x {
		fits = putHalf(dst[2*i:], v) && fits
	}
	return fits
}

func encodeBF16(dst []byte, x []float32) bool {
	fits := true
	for i, v := range x {
		h := toBFloat16(v)
		le.PutUint16(dst[2*i:], h)
		fits = h&0x7f80 != 0x7f80 && fits
	}
	return fits
}

// inverse is 1/d, or 0 where d is none or so small that it has none. Blocks of such a scale
// are zero, as float16 has no such scale.
func inverse(d float32) float32 {
	if id := 1 / d; d != 0 && id-id == 0 {
		return id
	}
	return 0
}

// encodeQ4_0 takes for the scale the number of the largest magnitude, with its sign, to be
// the lowest of -8 to 7.
func encodeQ4_0(dst []byte, x []float32) bool {
	d := x[largest(x)] / -8
	id := inverse(d)
	for i, lo := range x[:16] {
		hi := x[16+i]
		dst[2+i] = level(float32(lo*id)+8.5, 15) | level(float32(hi*id)+8.5, 15)<<4
	}
	return putHalf(dst, d)
}

// encodeQ4_1 lays 0 to 15 evenly between the least number and the largest.
func encodeQ4_1(dst []byte, x []float32) bool {
	least, most := extent(x)
	d := (most - least) / 15
	id := inverse(d)
	for i, lo := range x[:16] {
		hi := x[16+i]
		dst[4+i] = level(float32((lo-least)*id)+0.5, 15) | level(float32((hi-least)*id)+0.5, 15)<<4
	}
	fits := putHalf(dst, d)
	return putHalf(dst[2:], least) && fits
}

// encodeQ5_0 is as encodeQ4_0, of -16 to 15.
func encodeQ5_0(dst []byte, x []float32) bool {
	d := x[largest(x)] / -16
	id := inverse(d)
	var high uint32
	for i, lo := range x[:16] {
		a, b := level(float32(lo*id)+16.5, 31), level(float32(x[16+i]*id)+16.5, 31)
		dst[6+i] = a&15 | b<<4
		high |= uint32(a>>4)<<i | uint32(b>>4)<<(16+i)
	}
	le.PutUint32(dst[2:], high)
	return putHalf(dst, d)
}

// encodeQ5_1 is as encodeQ4_1, of 0 to 31.
func encodeQ5_1(dst []byte, x []float32) bool {
	least, most := extent(x)
	d := (most - least) / 31
	id := inverse(d)
	var high uint32
	for i, lo := range x[:16] {
		a, b := level(float32((lo-least)*id)+0.5, 31), level(float32((x[16+i]-least)*id)+0.5, 31)
		dst[8+i] = a&15 | b<<4
		high |= uint32(a>>4)<<i | uint32(b>>4)<<(16+i)
	}
	le.PutUint32(dst[4:], high)
	fits := putHalf(dst, d)
	return putHalf(dst[2:], least) && fits
}

// encodeQ8_0 takes for the scale what makes 127 of the largest magnitude, and rounds halves
// away from zero.
func encodeQ8_0(dst []byte, x []float32) bool {
	d := float32(math.Abs(float64(x[largest(x)]))) / 127
	id := inverse(d)
	for i, v := range x {
		dst[2+i] = byte(int8(math.Round(float64(v * id))))
	}
	return putHalf(dst, d)
}

// level is the whole part of x, at most so much.
func level(x float32, most byte) byte { return min(byte(int32(x)), most) }

// extent returns the least and the largest number.
func extent(x []float32) (least, most float32) {
	least, most = x[0], x[0]
	for _, v := range x[1:] {
		least, most = min(least, v), max(most, v)
	}
	return least, most
}
