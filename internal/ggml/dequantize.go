package ggml

import (
	"fmt"
	"math"
)

// Dequantize sets dst to the numbers of whole blocks of a type that can be read. The
// lengths of dst and src must agree. It allocates nothing.
func (t Type) Dequantize(dst []float32, src []byte) {
	if want := t.Bytes(len(dst)); len(src) != want {
		panic(fmt.Sprintf("ggml: %v: dequantise: have %d bytes for %d numbers, want %d", t, len(src), len(dst), want))
	}
	f := &formats[t]
	if f.numbers == 1 {
		f.decode(dst, src)
		return
	}
	for len(dst) > 0 {
		f.decode(dst[:f.numbers], src[:f.bytes])
		dst, src = dst[f.numbers:], src[f.bytes:]
	}
}

func decodeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
	}
}

func decodeF16(dst []float32, src []byte) {
	for i := range dst {
		h := le.Uint16(src[2*i:])
		if e := h & 0x7c00; e == 0 || e == 0x7c00 {
			dst[i] = half(h)
			continue
		}
		dst[i] = math.Float32frombits(uint32(h&0x8000)<<16 | uint32(h&0x7fff)<<13 + (127-15)<<23)
	}
}

func decodeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(le.Uint16(src[2*i:])) << 16)
	}
}

func decodeF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
	}
}

func decodeI8(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int8(src[i]))
	}
}

func decodeI16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int16(le.Uint16(src[2*i:])))
	}
}

func decodeI32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int32(le.Uint32(src[4*i:])))
	}
}

func decodeI64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(int64(le.Uint64(src[8*i:])))
	}
}

// decodeQ4_0 reads d, then 32 numbers of 4 bits: byte i has number i in its lower half and
// number 16+i in its upper. All of the blocks below have float16 scales and this order.
func decodeQ4_0(dst []float32, src []byte) {
	d, q := halfAt(src), (*[16]byte)(src[2:])
	out := (*[small]float32)(dst)
	for i, b := range q {
		out[i] = d * float32(int(b&15)-8)
		out[16+i] = d * float32(int(b>>4)-8)
	}
}

// decodeQ4_1 reads d, m, then numbers of 4 bits.
func decodeQ4_1(dst []float32, src []byte) {
	d, m, q := halfAt(src), halfAt(src[2:]), (*[16]byte)(src[4:])
	out := (*[small]float32)(dst)
	for i, b := range q {
		out[i] = float32(d*float32(b&15)) + m
		out[16+i] = float32(d*float32(b>>4)) + m
	}
}

// decodeQ5_0 reads d, 32 fifth bits, then numbers of 4 bits.
func decodeQ5_0(dst []float32, src []byte) {
	d, high, q := halfAt(src), le.Uint32(src[2:]), (*[16]byte)(src[6:])
	out := (*[small]float32)(dst)
	for i, b := range q {
		out[i] = d * float32(int(uint32(b&15)|high>>i<<4&16)-16)
		out[16+i] = d * float32(int(uint32(b>>4)|high>>(i+12)&16)-16)
	}
}

// decodeQ5_1 reads d, m, 32 fifth bits, then numbers of 4 bits.
func decodeQ5_1(dst []float32, src []byte) {
	d, m, high, q := halfAt(src), halfAt(src[2:]), le.Uint32(src[4:]), (*[16]byte)(src[8:])
	out := (*[small]float32)(dst)
	for i, b := range q {
		out[i] = float32(d*float32(uint32(b&15)|high>>i<<4&16)) + m
		out[16+i] = float32(d*float32(uint32(b>>4)|high>>(i+12)&16)) + m
	}
}

// decodeQ8_0 reads d, then bytes with a sign.
func decodeQ8_0(dst []float32, src []byte) {
	d, q := halfAt(src), (*[small]byte)(src[2:])
	out := (*[small]float32)(dst)
	for i, b := range q {
		out[i] = d * float32(int8(b))
	}
}
