package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Every half-precision number, against its definition.
func TestFloat16ToFloat32(t *testing.T) {
	for h := range 1 << 16 {
		sign, exponent, fraction := 1-2*float64(h>>15), h>>10&31, float64(h&1023)
		want := sign * math.Ldexp(1024+fraction, exponent-25)
		switch exponent {
		case 0:
			want = sign * math.Ldexp(fraction, -24)
		case 31:
			want = math.Inf(int(sign))
			if fraction != 0 {
				want = math.NaN()
			}
		}
		have := float64(float16ToFloat32(uint16(h)))
		if want != want {
			assert.True(t, have != have, "%#04x", h)
			continue
		}
		assert.Equal(t, math.Float64bits(want), math.Float64bits(have), "%#04x", h)
	}
}

// Rounding finds the nearest of all half-precision numbers, and of two the even
// one.
func TestFloat32ToFloat16(t *testing.T) {
	for h := range 0x7c00 {
		x, next := float16ToFloat32(uint16(h)), float16ToFloat32(uint16(h+1))
		if h == 0x7bff {
			next = 65536 // where infinity would be
		}
		assert.Equal(t, uint16(h), float32ToFloat16(x))
		assert.Equal(t, uint16(h)|0x8000, float32ToFloat16(float32(math.Copysign(float64(x), -1))))
		middle := x + (next-x)/2
		assert.Equal(t, uint16((h+1)&^1), float32ToFloat16(middle), "%v", middle)
		assert.Equal(t, uint16(h), float32ToFloat16(math.Nextafter32(middle, 0)), "%v", middle)
		assert.Equal(t, uint16(h+1), float32ToFloat16(math.Nextafter32(middle, 1e9)), "%v", middle)
	}
	for _, x := range []float32{65536, 1e30, float32(math.Inf(1))} {
		assert.Equal(t, uint16(0x7c00), float32ToFloat16(x))
		assert.Equal(t, uint16(0xfc00), float32ToFloat16(-x))
	}
	nan := float16ToFloat32(float32ToFloat16(float32(math.NaN())))
	assert.True(t, nan != nan)
	assert.Equal(t, float32(MaxFloat16), float16ToFloat32(0x7bff))
}

func TestHalvesSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(72, 73))
	for _, n := range lengths() {
		sameEverywhere(t, func(in [][]float32) []float32 {
			h := make([]uint16, n)
			narrowHalves(h, in[0])
			widenHalves(in[0], h)
			return nil
		}, mixed(rng, n))
	}
	var x []float32
	everyFloat32(40009, func(v float32) { x = append(x, v) })
	sameEverywhere(t, func(in [][]float32) []float32 {
		h := make([]uint16, len(x))
		narrowHalves(h, in[0])
		widenHalves(in[0], h)
		return nil
	}, x)
}
