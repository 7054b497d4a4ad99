package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// evenShapes are those whose products have pairs, with odd numbers of keys too.
func evenShapes() (shapes []AttentionShape) {
	more := []AttentionShape{
		dense(1, 1, 2, 3, 1, false), dense(1, 2, 16, 40, 3, false), dense(1, 1, 40, 33, keyTile+1, false),
		dense(1, 1, 10, 70, 70, true), dense(1, 1, 36, 5, 2*keyTile+31, false),
	}
	for _, s := range slices.Concat(attentionShapes, more) {
		if s.HeadDim%2 == 0 {
			shapes = append(shapes, s.rounded())
		}
	}
	return shapes
}

func TestAttentionBFloat16AgainstFloat64(t *testing.T) {
	eachDots(t, func(t *testing.T) {
		for i, s := range evenShapes() {
			t.Run(s.String(), func(t *testing.T) {
				q, k, v := s.data(rand.New(rand.NewPCG(uint64(i), 60)))
				requireClose(t, attention64(q, k, v, s), runAttention(t, q, k, v, s), bfloat16Error)
			})
		}
	})
}

// Without the instruction float32 sums of rounded factors give the same, in the same
// order.
func TestAttentionBFloat16SameBytes(t *testing.T) {
	for i, s := range evenShapes() {
		q, k, v := s.data(rand.New(rand.NewPCG(uint64(i), 61)))
		var want []float32
		withDots(dotSet{}, func() {
			withISA(isaGeneric, func() { want = runAttention(t, q, k, v, s) })
		})
		eachDots(t, func(t *testing.T) { requireSame(t, want, runAttention(t, q, k, v, s)) })
	}
}

// An odd width has no pairs, and stays float32.
func TestAttentionBFloat16Odd(t *testing.T) {
	s := dense(1, 2, 33, 20, 50, false)
	q, k, v := s.data(rand.New(rand.NewPCG(62, 63)))
	eachDots(t, func(t *testing.T) {
		requireSame(t, runAttention(t, q, k, v, s), runAttention(t, q, k, v, s.rounded()))
	})
}

// Equal keys give the mean of the rounded values, whatever the query: the weights are
// rounded before they are summed, so they add up to one.
func TestAttentionBFloat16EqualKeys(t *testing.T) {
	s := dense(1, 2, 40, 30, 77, false).rounded()
	q, k, v := s.data(rand.New(rand.NewPCG(64, 65)))
	for i := range k {
		k[i] = k[i%s.KStride]
	}
	want := make([]float64, len(q))
	for i := range want {
		for j := range s.Keys {
			want[i] += float64(fromBFloat16(bfloat16(v[j*s.VStride+i%s.VStride]))) / float64(s.Keys)
		}
	}
	eachDots(t, func(t *testing.T) { requireClose(t, want, runAttention(t, q, k, v, s), meanTolerance) })
}

// A NaN or an infinity in a query is a NaN in its output alone.
func TestAttentionBFloat16Special(t *testing.T) {
	s := dense(1, 1, 8, 40, 45, false).rounded()
	q, k, v := s.data(rand.New(rand.NewPCG(66, 67)))
	q[3*8+1], q[38*8] = float32(math.NaN()), float32(math.Inf(1))
	eachDots(t, func(t *testing.T) {
		for i, x := range runAttention(t, q, k, v, s) {
			assert.Equal(t, i/8 == 3 || i/8 == 38, x != x, "at %d", i)
		}
	})
}

func TestPairRowsSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(70, 71))
	for pairs := range 9 {
		for _, columns := range []int{16, 32} {
			samePairs(t, func(in [][]float32) { pairRows(in[0], pairs, columns) }, mixed(rng, 2*pairs*panel))
		}
	}
}

func TestPairHalvesSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(72, 73))
	for pairs := range 5 {
		src := make([]uint16, 2*pairs*panel)
		for i := range src {
			src[i] = uint16(rng.Uint32()) // zeros, subnormal numbers, infinities and NaN among them
		}
		samePairs(t, func(in [][]float32) { pairHalves(in[0], src, pairs) }, make([]float32, pairs*panel))
		turned, wide := make([]float32, len(src)), make([]float32, len(src))
		widenHalves(turned, src)
		turnRows(turned, pairs)
		pairHalvesGeneric(wide, src, pairs)
		widenPairs(wide, pairs, panel)
		requireSame(t, wide, turned)
	}
}

// samePairs wants the bytes of the plain code with and without the instructions. The
// first input becomes pairs, which are compared by halves; what is NaN as float32 may
// be no NaN as a pair.
func samePairs(t *testing.T, run func(in [][]float32), inputs ...[]float32) {
	t.Helper()
	var want [][]float32
	for _, g := range []dotSet{{}, bestDots()} {
		var in [][]float32
		var checks []func(*testing.T)
		for _, x := range inputs {
			copied, check := guarded(x)
			in, checks = append(in, copied), append(checks, check)
		}
		withDots(g, func() { run(in) })
		for _, check := range checks {
			check(t)
		}
		var wide []float32
		for _, h := range halves(in[0]) {
			wide = append(wide, fromBFloat16(h))
		}
		in[0] = wide
		if want == nil {
			want = in
		}
		for i := range want {
			requireSame(t, want[i], in[i])
		}
	}
}

func TestWidenPairs(t *testing.T) {
	x := []float32{}
	for i := range 6 * panel {
		x = append(x, float32(i%200)) // exact as bfloat16
	}
	got := slices.Clone(x)
	pairRowsGeneric(got, 3, panel)
	widenPairs(got, 3, panel)
	for r := range 6 {
		require.Equal(t, x[r*panel:][:panel], got[(r^1)*panel:][:panel])
	}
}

// narrow is x as bfloat16.
func narrow(x []float32) []float32 {
	out := make([]float32, RoundedLen(len(x)))
	roundBFloat16sGeneric(halves(out), x)
	return out
}

// Keys and values that are bfloat16 in memory give the bytes of those that are rounded here.
func TestAttentionRoundedKeysAndValues(t *testing.T) {
	for i, s := range evenShapes() {
		q, k, v := s.data(rand.New(rand.NewPCG(uint64(i), 62)))
		want := runAttention(t, q, k, v, s)
		eachDots(t, func(t *testing.T) {
			s := s
			s.RoundedK = true
			requireSame(t, want, runAttention(t, q, narrow(k), v, s))
			s.RoundedV = true
			requireSame(t, want, runAttention(t, q, narrow(k), narrow(v), s))
			s.RoundedK = false
			requireSame(t, want, runAttention(t, q, k, narrow(v), s))
		})
	}
}

func TestSplitWordsSameBytes(t *testing.T) {
	for n := range 40 {
		src, _ := guarded(mixed(rand.New(rand.NewPCG(uint64(n), 74)), n))
		var want [2][]uint16
		for i := range want {
			want[i] = make([]uint16, n)
		}
		splitWordsGeneric(want[0], want[1], src)
		eachDots(t, func(t *testing.T) {
			first, second := make([]uint16, n+1), make([]uint16, n+1)
			first[n], second[n] = 7, 7
			splitWords(first, second, src)
			assert.Equal(t, append(slices.Clone(want[0]), 7), first)
			assert.Equal(t, append(slices.Clone(want[1]), 7), second)
		})
	}
}
