package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Rounding and turning gives the bytes of the plain code for numbers of all kinds, whole
// vectors and less, and nothing behind them changes.
func TestTurns(t *testing.T) {
	rng := rand.New(rand.NewPCG(110, 111))
	bits := []uint32{0, 1 << 31, 1, 1<<31 | 1, 0x7fffff, 0x800000, 0x807fffff, 0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff,
		0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7f800001, 0xffc00000, 0x7fbfffff, 0xffffffff}
	x := make([]float32, 10*panel)
	for i := range x {
		b := rng.Uint32()
		if i%3 == 0 {
			b = bits[rng.IntN(len(bits))]
		}
		x[i] = math.Float32frombits(b)
	}
	eachISA(t, func(t *testing.T) {
		for _, pairs := range []int{0, 1, 4} {
			want, have := slices.Clone(x), slices.Clone(x)
			turnRowsGeneric(want, pairs)
			turnRows(have, pairs)
			requireSame(t, want, have)
		}
		for _, n := range []int{0, 2, 14, 16, 50, 96} {
			want, have := slices.Clone(x), slices.Clone(x)
			turnPairsGeneric(want[:n])
			turnPairs(have[:n])
			requireSame(t, want, have)
		}
	})
}
