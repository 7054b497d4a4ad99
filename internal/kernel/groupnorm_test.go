package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// normBound is relative to outputs of about 1: the result takes five roundings
// whatever the mean is.
const normBound = 1e-6

// groupNorm64 is the definition in two passes.
func groupNorm64(x []float32, s NormShape, gamma, beta []float32, eps float64, act Activation) []float64 {
	out := make([]float64, len(x))
	size := s.C / s.Groups
	for n := range s.N {
		for group := range s.Groups {
			each := func(visit func(i, c int)) {
				for p := range s.Pixels {
					for c := group * size; c < (group+1)*size; c++ {
						visit((n*s.Pixels+p)*s.C+c, c)
					}
				}
			}
			var mean, variance float64
			count := float64(s.Pixels * size)
			each(func(i, _ int) { mean += float64(x[i]) / count })
			each(func(i, _ int) { variance += (float64(x[i]) - mean) * (float64(x[i]) - mean) / count })
			each(func(i, c int) {
				y := (float64(x[i])-mean)/math.Sqrt(variance+eps)*float64(gamma[c]) + float64(beta[c])
				out[i] = activation64(y, act)
			})
		}
	}
	return out
}

func runGroupNorm(t *testing.T, x []float32, s NormShape, gamma, beta []float32, act Activation) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	out, checkOut := guarded(make([]float32, len(x)))
	work, checkWork := guarded(make([]float32, GroupNormWork(s)))
	runGuarded(t, rng, GroupNorm(out, x, s, gamma, beta, 1e-5, act, work)...)
	checkOut(t)
	checkWork(t)
	return out
}

var normShapes = []NormShape{
	{1, 1, 4, 1},
	{2, 3, 6, 3},
	{1, 7, 16, 16},
	{2, 5, 32, 32},
	{2, 64, 40, 8},
	{1, 100, 72, 4},
	{1, 300, 320, 32}, // two chunks
	{2, 9, 300, 2},    // more channels than one block of sums
	{1, 67, 2560, 32},
}

func TestGroupNormAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for _, s := range normShapes {
		for _, mean := range []float32{0, 100, -1000} {
			x := randoms(rng, s.N*s.Pixels*s.C)
			for i := range x {
				x[i] += mean
			}
			gamma, beta := randoms(rng, s.C), randoms(rng, s.C)
			for _, act := range []Activation{None, SiLU, GELU} {
				want := groupNorm64(x, s, gamma, beta, 1e-5, act)
				requireClose(t, want, runGroupNorm(t, x, s, gamma, beta, act), normBound)
			}
		}
	}
}

// All values equal: nothing is left but beta.
func TestGroupNormConstant(t *testing.T) {
	s := NormShape{N: 1, Pixels: 50, C: 32, Groups: 4}
	x := make([]float32, s.Pixels*s.C)
	for i := range x {
		x[i] = 1234.5678
	}
	gamma, beta := make([]float32, s.C), make([]float32, s.C)
	for i := range beta {
		gamma[i], beta[i] = 3, float32(i)
	}
	out := runGroupNorm(t, x, s, gamma, beta, None)
	for i, v := range out {
		require.Equal(t, beta[i%s.C], v)
	}
}

// Two values about their mean, ±1, come out as ±1.
func TestGroupNormTwoValues(t *testing.T) {
	s := NormShape{N: 1, Pixels: 2, C: 2, Groups: 2}
	x := []float32{9, -3, 11, -5}
	out := make([]float32, 4)
	one, zero := []float32{1, 1}, []float32{0, 0}
	Serial(GroupNorm(out, x, s, one, zero, 0, None, make([]float32, GroupNormWork(s)))...)
	assert.Equal(t, []float32{-1, 1, 1, -1}, out)
}

// Without eps the result does not depend on the scale of the input, and powers
// of two do not even change a bit.
func TestGroupNormScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 6))
	s := NormShape{N: 1, Pixels: 70, C: 40, Groups: 4}
	x, gamma, beta := randoms(rng, s.Pixels*s.C), randoms(rng, s.C), randoms(rng, s.C)
	run := func(scale float32) []float32 {
		scaled, work := make([]float32, len(x)), make([]float32, GroupNormWork(s))
		scaleRow(scaled, x, scale)
		Serial(GroupNorm(scaled, scaled, s, gamma, beta, 0, None, work)...)
		return scaled
	}
	want := run(1)
	for _, scale := range []float32{0x1p50, 0x1p-40, 0x1p10} {
		requireSame(t, want, run(scale))
	}
}

// A batch gives each sample the bytes that it gets alone.
func TestGroupNormBatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	s := NormShape{N: 3, Pixels: 500, C: 320, Groups: 32}
	x, gamma, beta := randoms(rng, s.N*s.Pixels*s.C), randoms(rng, s.C), randoms(rng, s.C)
	all := runGroupNorm(t, x, s, gamma, beta, SiLU)
	one, size := s, s.Pixels*s.C
	one.N = 1
	for i := range s.N {
		alone := runGroupNorm(t, x[i*size:][:size], one, gamma, beta, SiLU)
		requireSame(t, alone, all[i*size:][:size])
	}
}

func TestGroupNormInPlaceAndNaN(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	s := NormShape{N: 2, Pixels: 10, C: 8, Groups: 2}
	x, gamma, beta := randoms(rng, s.N*s.Pixels*s.C), randoms(rng, s.C), randoms(rng, s.C)
	want := runGroupNorm(t, x, s, gamma, beta, SiLU)
	Serial(GroupNorm(x, x, s, gamma, beta, 1e-5, SiLU, make([]float32, GroupNormWork(s)))...)
	requireSame(t, want, x)

	x[0] = float32(math.NaN())
	out := runGroupNorm(t, x, s, gamma, beta, None)
	for i, v := range out {
		assert.Equal(t, i < s.Pixels*s.C && i%s.C < 4, v != v, "at %d", i)
	}
}

func TestGroupNormChecks(t *testing.T) {
	x := make([]float32, 12)
	assert.PanicsWithValue(t, "kernel: group norm: channels do not divide into the groups", func() {
		GroupNorm(x, x, NormShape{1, 2, 6, 4}, x, x, 0, None, x)
	})
	assert.PanicsWithValue(t, "kernel: group norm: short work", func() {
		GroupNorm(x, x, NormShape{1, 2, 6, 3}, x, x, 0, None, x[:11])
	})
}

// Statistics of a sample that comes by parts have the bytes of the whole's, and so has
// what is normalised by them.
func TestGroupNormByParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	for _, s := range []NormShape{{N: 1, Pixels: 333, C: 320, Groups: 32}, {N: 1, Pixels: 5000, C: 12, Groups: 3}, {N: 1, Pixels: 7, C: 2560, Groups: 32}} {
		x, gamma, beta := randoms(rng, s.Pixels*s.C), randoms(rng, s.C), randoms(rng, s.C)
		eachISA(t, func(t *testing.T) {
			want := runGroupNorm(t, x, s, gamma, beta, SiLU)
			sums := NewNormSums(s)
			for from, n := 0, 1; from < s.Pixels; from, n = from+n, min(2*n+1, s.Pixels-from-n) {
				Serial(sums.Add(x[from*s.C : (from+n)*s.C]))
			}
			statistics := sums.Statistics()
			work := make([]float32, GroupNormWork(s))
			Serial(GroupNormStatistics(x, s, work))
			requireSame(t, work, statistics)
			got := append([]float32{}, x...)
			for _, part := range [][]float32{got[:s.C], got[s.C:]} {
				Serial(GroupNormGiven(part, part, s, gamma, beta, 1e-5, SiLU, statistics))
			}
			requireSame(t, want, got)
		})
	}
}

func TestGroupNormSumsChecks(t *testing.T) {
	s := NormShape{N: 1, Pixels: 2, C: 4, Groups: 2}
	assert.Panics(t, func() { NewNormSums(NormShape{N: 2, Pixels: 2, C: 4, Groups: 2}) })
	sums := NewNormSums(s)
	assert.Panics(t, func() { sums.Statistics() })
	assert.Panics(t, func() { sums.Add(make([]float32, 12)) })
}
