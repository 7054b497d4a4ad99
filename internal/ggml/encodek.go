package ggml

// encodeQ2_K makes a block as decodeQ2_K reads it.
func encodeQ2_K(dst []byte, x []float32) bool {
	b := offset{group: 16, highest: 3, highestScale: 15}.find(x)
	clear(dst)
	for g := range 16 {
		dst[g] = byte(b.scales[g] | b.shifts[g]<<4)
	}
	for i, q := range b.q {
		dst[16+i/128*32+i%32] |= byte(q << (i / 32 % 4 * 2))
	}
	fits := putHalf(dst[80:], b.d)
	return putHalf(dst[82:], b.m) && fits
}

// encodeQ3_K makes a block as decodeQ3_K reads it.
func encodeQ3_K(dst []byte, x []float32) bool {
	b := scaled{lowest: -4, lowestScale: -32}.find(x)
	clear(dst)
	for g, s := range b.scales {
		s += 32
		dst[96+g%8] |= byte(s & 15 << (g / 8 * 4))
		dst[104+g%4] |= byte(s >> 4 << (g / 4 * 2))
	}
	for i, q := range b.q {
		q += 4
		dst[i%32] |= byte(q >> 2 << (i / 32))
		dst[32+i/128*32+i%32] |= byte(q & 3 << (i / 32 % 4 * 2))
	}
	return putHalf(dst[108:], b.d)
}

// encodeQ4_K makes a block as decodeQ4_K reads it.
func encodeQ4_K(dst []byte, x []float32) bool {
	b := offset{group: 32, highest: 15, highestScale: 63}.find(x)
	clear(dst)
	for i, q := range b.q {
		dst[16+i/64*32+i%32] |= byte(q << (i / 32 % 2 * 4))
	}
	return b.putScales(dst)
}

// encodeQ5_K makes a block as decodeQ5_K reads it.
func encodeQ5_K(dst []byte, x []float32) bool {
	b := offset{group: 32, highest: 31, highestScale: 63}.find(x)
	clear(dst)
	for i, q := range b.q {
		dst[16+i%32] |= byte(q >> 4 << (i / 32))
		dst[48+i/64*32+i%32] |= byte(q & 15 << (i / 32 % 2 * 4))
	}
	return b.putScales(dst)
}

// putScales stores the factors, and 8 scales and offsets as scalesQ4_K reads them.
func (b *offsetBlock) putScales(dst []byte) bool {
	for i := range 4 {
		low, high := b.scales[4+i], b.shifts[4+i]
		dst[4+i] = byte(b.scales[i] | low>>4<<6)
		dst[8+i] = byte(b.shifts[i] | high>>4<<6)
		dst[12+i] = byte(low&15 | high&15<<4)
	}
	fits := putHalf(dst, b.d)
	return putHalf(dst[2:], b.m) && fits
}

// encodeQ6_K makes a block as decodeQ6_K reads it.
func encodeQ6_K(dst []byte, x []float32) bool {
	b := scaled{lowest: -32, lowestScale: -128}.find(x)
	clear(dst)
	for g, s := range b.scales {
		dst[192+g] = byte(int8(s))
	}
	for i, q := range b.q {
		q += 32
		dst[i/128*64+i%64] |= byte(q & 15 << (i % 128 / 64 * 4))
		dst[128+i/128*32+i%32] |= byte(q >> 4 << (i % 128 / 32 * 2))
	}
	return putHalf(dst[208:], b.d)
}
