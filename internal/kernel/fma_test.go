package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// exactFMA is a*b + c by exact arithmetic, rounded once.
func exactFMA(a, b, c float32) float32 {
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(1200).SetFloat64(float64(x)) }
	s := exact(a)
	s.Mul(s, exact(b))
	s.Add(s, exact(c))
	f, _ := s.Float32()
	return f
}

// sameFMA compares with the exact result; big.Float has no rules of its own
// for the sign of an exact zero.
func sameFMA(t *testing.T, a, b, c float32) {
	t.Helper()
	got, want := fma32(a, b, c), exactFMA(a, b, c)
	if math.Float32bits(got) != math.Float32bits(want) && (got != 0 || want != 0) {
		assert.Failf(t, "fma32", "%x*%x + %x = %x, want %x", a, b, c, got, want)
	}
}

func TestFMARandomBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	finite := func() float32 {
		for {
			if f := math.Float32frombits(rng.Uint32()); !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) {
				return f
			}
		}
	}
	for range 20000 {
		sameFMA(t, finite(), finite(), finite())
	}
}

// Sums that lie a hair beside a tie are where rounding twice goes wrong.
func TestFMANearTies(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	near := func(exp int) float32 {
		bits := []uint32{1, 1 << 11, 1 << 12, 1 << 22, 1<<23 - 1, 1<<23 - 2, 0, rng.Uint32() & (1<<23 - 1)}
		m := bits[rng.IntN(len(bits))] ^ bits[rng.IntN(len(bits))]&3
		f := float32(math.Ldexp(1+float64(m)/(1<<23), exp))
		if rng.IntN(2) == 0 {
			f = -f
		}
		return f
	}
	for range 50000 {
		sameFMA(t, near(rng.IntN(40)-20), near(rng.IntN(40)-20), near(rng.IntN(80)-40))
		// Results among the denormals.
		sameFMA(t, near(rng.IntN(40)-90), near(rng.IntN(40)-75), near(rng.IntN(30)-149))
	}
	// 1 + 2^-24 is a tie and the last term decides: both directions.
	assert.Equal(t, float32(1+0x1p-23), fma32(1+0x1p-12, 0x1p-24, 1))
	assert.Equal(t, float32(1), fma32(1-0x1p-24, 0x1p-24, 1))
	assert.Equal(t, float32(1), fma32(0x1p-70, -0x1p-70, 1))
}

func TestFMASpecial(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	negZero := float32(math.Copysign(0, -1))
	isNaN := func(f float32) bool { return f != f }
	assert.True(t, isNaN(fma32(nan, 1, 1)))
	assert.True(t, isNaN(fma32(1, 1, nan)))
	assert.True(t, isNaN(fma32(inf, 0, 1)))
	assert.True(t, isNaN(fma32(inf, 1, -inf)))
	assert.Equal(t, inf, fma32(inf, 1, 1))
	assert.Equal(t, -inf, fma32(1, 1, -inf))
	assert.Equal(t, inf, fma32(math.MaxFloat32, 2, 0))
	assert.Equal(t, uint32(0x80000000), math.Float32bits(fma32(negZero, 1, negZero)))
	assert.Equal(t, uint32(0), math.Float32bits(fma32(negZero, 1, 0)))
	assert.Equal(t, uint32(0x80000000), math.Float32bits(fma32(-0x1p-100, 0x1p-100, 0)))
}
