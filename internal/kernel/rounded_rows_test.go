package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asRounded returns numbers as bfloat16.
func asRounded(x []float32) []float32 {
	out := make([]float32, RoundedLen(len(x)))
	roundBFloat16sGeneric(halves(out), x)
	return out
}

// Rows that are bfloat16 already give the bytes of rows that a product rounds.
func TestGemmRounded(t *testing.T) {
	eachDots(t, func(t *testing.T) {
		for i, s := range roundedShapes {
			rng := rand.New(rand.NewPCG(uint64(i), 84))
			a, w := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k)
			ep := someEpilogue(rng, s.m, s.n)
			want, got := make([]float32, s.m*s.n), make([]float32, s.m*s.n)
			packed := PackLinear(make([]float32, PackedLen(s.k, s.n, BFloat16)), w, s.n, s.k, BFloat16)
			Serial(Gemm(want, a, s.m, packed, ep))
			Serial(GemmRounded(got, asRounded(a), s.m, packed, ep))
			requireSame(t, want, got)
		}
	})
}

// writer is an operation that writes n numbers to out, as bfloat16 if rounded.
type writer struct {
	name string
	n    int
	run  func(out []float32, rounded bool) []Phase
}

// An output of bfloat16 is the one of float32, rounded, and nothing beside it is written.
func TestRoundedOutput(t *testing.T) {
	const guard = 7
	writers := append(productWriters(), otherWriters()...)
	eachDots(t, func(t *testing.T) {
		for _, c := range writers {
			words := RoundedLen(c.n)
			want, got := make([]float32, c.n), slices.Repeat([]float32{guard}, words+2*guard)
			Serial(c.run(want, false)...)
			Serial(c.run(got[guard:][:words], true)...)
			require.Equal(t, halves(asRounded(want)), halves(got[guard:][:words]), c.name)
			for i := range guard {
				assert.EqualValues(t, guard, got[i], c.name)
				assert.EqualValues(t, guard, got[len(got)-1-i], c.name)
			}
		}
	})
}

func productWriters() (list []writer) {
	rng := rand.New(rand.NewPCG(85, 85))
	for _, s := range roundedShapes {
		a := randoms(rng, s.m*s.k)
		w := PackLinear(make([]float32, PackedLen(s.k, s.n, BFloat16)), randoms(rng, s.n*s.k), s.n, s.k, BFloat16)
		for _, ep := range []Epilogue{
			{}, {Bias: randoms(rng, s.n), Act: QuickGELU}, {PerSample: randoms(rng, s.m*s.n), Rows: 3}, {Bias: randoms(rng, s.n), Gated: true},
		} {
			if s.n%2 != 0 || ep.Gated && s.n%(2*panel) != 0 {
				continue
			}
			_, n := ep.halves(s.n)
			list = append(list, writer{fmt.Sprintf("product %v, %v, gated %t", s, ep, ep.Gated), s.m * n, func(out []float32, rounded bool) []Phase {
				ep.Rounded = rounded
				return []Phase{Gemm(out, a, s.m, w, ep)}
			}})
		}
	}
	return list
}

func otherWriters() (list []writer) {
	rng := rand.New(rand.NewPCG(86, 86))
	for _, d := range []int{2, 40, 100} {
		gamma, beta := randoms(rng, d), randoms(rng, d)
		x := randoms(rng, 3*d)
		list = append(list, writer{fmt.Sprint("layer norm ", d), len(x), func(out []float32, rounded bool) []Phase {
			if rounded {
				return []Phase{LayerNormRounded(out, x, 3, d, gamma, beta, 1e-5)}
			}
			return []Phase{LayerNorm(out, x, 3, d, gamma, beta, 1e-5)}
		}})
		s := NormShape{N: 2, Pixels: 90, C: d, Groups: 2}
		images, work := randoms(rng, s.N*s.Pixels*d), make([]float32, GroupNormWork(s))
		list = append(list, writer{fmt.Sprint("group norm ", d), len(images), func(out []float32, rounded bool) []Phase {
			if rounded {
				return GroupNormRounded(out, images, s, gamma, beta, 1e-5, SiLU, work)
			}
			return GroupNorm(out, images, s, gamma, beta, 1e-5, SiLU, work)
		}})
		a := AttentionShape{Batch: 2, Heads: 3, HeadDim: d, Queries: 45, Keys: 20, QStride: 3 * d, KStride: 3 * d, VStride: 3 * d,
			OutStride: 3 * d, Scale: 0.3, BFloat16: true}
		q, k, v := randoms(rng, 2*45*3*d), randoms(rng, 2*20*3*d), randoms(rng, 2*20*3*d)
		list = append(list, writer{fmt.Sprint("attention ", d), len(q), func(out []float32, rounded bool) []Phase {
			a.RoundOut = rounded
			return Attention(out, q, k, v, a, make([]float32, AttentionWork(a)))
		}})
	}
	return list
}
