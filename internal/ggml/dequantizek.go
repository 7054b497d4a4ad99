package ggml

import "math"

// decodeQ2_K reads 16 bytes, each with the scale and the offset of 16 numbers in 4 bits; the
// numbers, of 2 bits; and the factors d and m of scales and offsets. Each 32 bytes of
// numbers hold 128: number 32·j+i in bits 2j and 2j+1 of byte i.
func decodeQ2_K(dst []float32, src []byte) {
	scales, d, m := (*[16]byte)(src), halfAt(src[80:]), halfAt(src[82:])
	for g, s := range scales {
		dl, ml := d*float32(s&15), float32(m*float32(s>>4))
		q := (*[16]byte)(src[16+g/8*32+g%2*16:])
		shift := uint(g / 2 % 4 * 2)
		out := (*[16]float32)(dst[16*g:])
		for i, b := range q {
			out[i] = float32(dl*float32(b>>(shift&7)&3)) - ml
		}
	}
}

// decodeQ3_K reads 32 bytes of third bits: bit j of byte i is of number 32·j+i, and says by
// 0 that 4 is to be subtracted; the lower two bits, as Q2_K has them; 16 scales of 6 bits;
// and their factor d.
func decodeQ3_K(dst []float32, src []byte) {
	high, scales, d := (*[32]byte)(src), scalesQ3_K(src[96:]), halfAt(src[108:])
	for g, s := range scales {
		dl := d * float32(s)
		q, h := (*[16]byte)(src[32+g/8*32+g%2*16:]), (*[16]byte)(high[g%2*16:])
		shift, bit := uint(g/2%4*2), uint(g/2)
		out := (*[16]float32)(dst[16*g:])
		for i, b := range q {
			out[i] = dl * float32(int(b>>(shift&7)&3)+int(h[i]>>(bit&7)&1<<2)-4)
		}
	}
}

// scalesQ3_K reads 16 scales of 6 bits less 32: the lower 4 bits of scales i and 8+i are in
// byte i, the upper 2 of scale 4·j+i in bits 2j and 2j+1 of byte 8+i.
func scalesQ3_K(b []byte) (scales [16]int8) {
	for i := range scales {
		scales[i] = int8(b[i%8]>>(i/8*4)&15|b[8+i%4]>>(i/4*2)&3<<4) - 32
	}
	return scales
}

// decodeQ4_K reads the factors d and m; 8 scales and offsets; and numbers of 4 bits. Each 32
// bytes hold 64: number i in the lower half of byte i, number 32+i in its upper.
func decodeQ4_K(dst []float32, src []byte) {
	factors := FactorsQ4K(src)
	for g, s := range factors.Scales {
		q := (*[32]byte)(src[16+g/2*32:])
		shift := uint(g % 2 * 4)
		out := (*[32]float32)(dst[32*g:])
		for i, b := range q {
			out[i] = float32(s*float32(b>>(shift&7)&15)) - factors.Offsets[g]
		}
	}
}

// Factors are those of the 8 parts of a block: x = scale·q − offset.
type Factors struct{ Scales, Offsets [8]float32 }

// FactorsQ4K returns the factors of a block of Q4_K, or of Q5_K, which begins likewise.
func FactorsQ4K(block []byte) (f Factors) {
	d, m := halfAt(block), halfAt(block[2:])
	scales, offsets := scalesQ4_K(block[4:])
	for i, s := range scales {
		f.Scales[i], f.Offsets[i] = d*float32(s), m*float32(offsets[i])
	}
	return f
}

// scalesQ4_K reads 8 scales and 8 offsets of 6 bits from 12 bytes: the first four of each are
// in the lower 6 bits of bytes 0 to 3 and 4 to 7, whose upper 2 are the upper ones of the
// last four. Of these the lower 4 are in bytes 8 to 11, scale below offset.
func scalesQ4_K(b []byte) (scales, offsets [8]uint8) {
	for i := range 4 {
		low, high, both := b[i], b[4+i], b[8+i]
		scales[i], offsets[i] = low&63, high&63
		scales[4+i], offsets[4+i] = both&15|low>>6<<4, both>>4|high>>6<<4
	}
	return scales, offsets
}

// decodeQ5_K reads what Q4_K has, with 32 bytes of fifth bits before the numbers: bit j of
// byte i is of number 32·j+i.
func decodeQ5_K(dst []float32, src []byte) {
	factors, high := FactorsQ4K(src), (*[32]byte)(src[16:])
	for g, s := range factors.Scales {
		q := (*[32]byte)(src[48+g/2*32:])
		shift := uint(g % 2 * 4)
		out := (*[32]float32)(dst[32*g:])
		for i, b := range q {
			out[i] = float32(s*float32(b>>(shift&7)&15|high[i]>>(uint(g)&7)&1<<4)) - factors.Offsets[g]
		}
	}
}

// decodeQ6_K reads numbers of 6 bits less 32; 16 scales, bytes with a sign; and their factor
// d. Each 128 numbers have 64 bytes of lower bits, number i in the lower half of byte i and
// number 64+i in its upper, and, after all of these, 32 bytes of upper ones, those of number
// 32·j+i in bits 2j and 2j+1 of byte i.
func decodeQ6_K(dst []float32, src []byte) {
	d, scales := halfAt(src[208:]), (*[16]byte)(src[192:])
	for g, s := range scales {
		dl := d * float32(int8(s))
		part, in := g/8, g%8*16 // which 128, and where in them
		low := (*[16]byte)(src[64*part+in%64:])
		high := (*[16]byte)(src[128+32*part+in%32:])
		lowShift, highShift := uint(in/64*4), uint(in/32*2)
		out := (*[16]float32)(dst[16*g:])
		for i, b := range low {
			out[i] = dl * float32(int(b>>(lowShift&7)&15|high[i]>>(highShift&7)&3<<4)-32)
		}
	}
}

// decodeQ8_K reads d, a float32, and bytes with a sign. Sums of 16 of them each, which
// follow, are for products.
func decodeQ8_K(dst []float32, src []byte) {
	d, q := math.Float32frombits(le.Uint32(src)), (*[super]byte)(src[4:])
	out := (*[super]float32)(dst)
	for i, b := range q {
		out[i] = d * float32(int8(b))
	}
}
