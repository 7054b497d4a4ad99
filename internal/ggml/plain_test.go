package ggml

import (
	"math"
	"testing"
)

// plain is number i of a block, from the format's description, a bit at a time.
//
// In one piece: a case for each type.
func plain(t Type, b []byte, i int) float32 {
	bits := func(at, shift, n int) float32 { return float32(int(b[at]) >> shift & (1<<n - 1)) }
	scaled := func(at int, q float32) float32 { return halfAt(b[at:]) * q }
	sixBits := func(j int) (scale, offset float32) { // of Q4_K and Q5_K
		if j < 4 {
			return bits(4+j, 0, 6), bits(8+j, 0, 6)
		}
		return bits(8+j, 0, 4) + 16*bits(j, 6, 2), bits(8+j, 4, 4) + 16*bits(4+j, 6, 2)
	}
	line := func(d, s, q, m, o float32) float32 { return float32(float32(d*s)*q) - float32(m*o) }
	switch t {
	case Q4_0:
		return scaled(0, bits(2+i%16, i/16*4, 4)-8)
	case Q4_1:
		return scaled(0, bits(4+i%16, i/16*4, 4)) + halfAt(b[2:])
	case Q5_0:
		return scaled(0, bits(6+i%16, i/16*4, 4)+16*bits(2+i/8, i%8, 1)-16)
	case Q5_1:
		return scaled(0, bits(8+i%16, i/16*4, 4)+16*bits(4+i/8, i%8, 1)) + halfAt(b[2:])
	case Q8_0:
		return scaled(0, float32(int8(b[2+i])))
	case Q2_K:
		q := bits(16+i/128*32+i%32, i%128/32*2, 2)
		return line(halfAt(b[80:]), bits(i/16, 0, 4), q, halfAt(b[82:]), bits(i/16, 4, 4))
	case Q3_K:
		g := i / 16
		s := bits(96+g%8, g/8*4, 4) + 16*bits(104+g%4, g/4*2, 2) - 32
		q := bits(32+i/128*32+i%32, i%128/32*2, 2) + 4*bits(i%32, i/32, 1) - 4
		return float32(halfAt(b[108:])*s) * q
	case Q4_K:
		s, o := sixBits(i / 32)
		return line(halfAt(b), s, bits(16+i/64*32+i%32, i/32%2*4, 4), halfAt(b[2:]), o)
	case Q5_K:
		s, o := sixBits(i / 32)
		q := bits(48+i/64*32+i%32, i/32%2*4, 4) + 16*bits(16+i%32, i/32, 1)
		return line(halfAt(b), s, q, halfAt(b[2:]), o)
	case Q6_K:
		q := bits(i/128*64+i%64, i%128/64*4, 4) + 16*bits(128+i/128*32+i%32, i%128/32*2, 2) - 32
		return float32(halfAt(b[208:])*float32(int8(b[192+i/16]))) * q
	default: // Q8_K
		return math.Float32frombits(le.Uint32(b)) * float32(int8(b[4+i]))
	}
}

// Whatever the bits, a block's numbers are those of the description.
func FuzzDequantize(f *testing.F) {
	for i := range quantised {
		b := make([]byte, 300)
		for k := range b {
			b[k] = byte(k*k*7 + i*k)
		}
		f.Add(b, uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		typ := quantised[int(which)%len(quantised)]
		numbers, size := typ.Block()
		block := make([]byte, size)
		copy(block, data)
		got := make([]float32, numbers)
		typ.Dequantize(got, block)
		for i, v := range got {
			if want := plain(typ, block, i); math.Float32bits(v) != math.Float32bits(want) && (v == v || want == want) {
				t.Fatalf("%v: number %d: have %v, want %v", typ, i, v, want)
			}
		}
	})
}
