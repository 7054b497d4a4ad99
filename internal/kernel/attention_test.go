package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dense is attention over [tokens heads*dim] matrices.
func dense(batch, heads, dim, queries, keys int, causal bool) AttentionShape {
	d := heads * dim
	return AttentionShape{Batch: batch, Heads: heads, HeadDim: dim, Queries: queries, Keys: keys,
		QStride: d, KStride: d, VStride: d, OutStride: d, Causal: causal, Scale: float32(1 / math.Sqrt(float64(dim)))}
}

// rounded is the same attention in bfloat16.
func (s AttentionShape) rounded() AttentionShape {
	s.BFloat16 = true
	return s
}

func (s AttentionShape) data(rng *rand.Rand) (q, k, v []float32) {
	return randoms(rng, s.Batch*s.Queries*s.QStride), randoms(rng, s.Batch*s.Keys*s.KStride), randoms(rng, s.Batch*s.Keys*s.VStride)
}

func runAttention(t *testing.T, q, k, v []float32, s AttentionShape) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(s.Queries), uint64(s.Keys)))
	q, _ = guarded(q)
	k, _ = guarded(k)
	v, _ = guarded(v)
	out, check := guarded(make([]float32, s.Batch*s.Queries*s.OutStride))
	work, checkWork := guarded(make([]float32, AttentionWork(s)))
	for i := range work {
		work[i] = float32(math.NaN())
	}
	runGuarded(t, rng, Attention(out, q, k, v, s, work)...)
	check(t)
	checkWork(t)
	return out
}

func attention64(q, k, v []float32, s AttentionShape) []float64 {
	out := make([]float64, s.Batch*s.Queries*s.OutStride)
	p := make([]float64, s.Keys)
	for b := range s.Batch {
		for h := range s.Heads {
			for i := range s.Queries {
				largest, sum := math.Inf(-1), 0.0
				for j := range s.Keys {
					p[j] = 0
					for d := range s.HeadDim {
						p[j] += float64(q[(b*s.Queries+i)*s.QStride+h*s.HeadDim+d]) * float64(k[(b*s.Keys+j)*s.KStride+h*s.HeadDim+d])
					}
					p[j] *= float64(s.Scale)
					if s.Causal && j > i {
						p[j] = math.Inf(-1)
					}
					largest = max(largest, p[j])
				}
				for j := range p {
					p[j] = math.Exp(p[j] - largest)
					sum += p[j]
				}
				for j := range p {
					for d := range s.HeadDim {
						out[(b*s.Queries+i)*s.OutStride+h*s.HeadDim+d] += p[j] / sum * float64(v[(b*s.Keys+j)*s.VStride+h*s.HeadDim+d])
					}
				}
			}
		}
	}
	return out
}

var attentionShapes = []AttentionShape{
	dense(1, 1, 1, 1, 1, false), dense(2, 3, 8, 20, 20, false), dense(1, 2, 40, 50, 77, false),
	dense(1, 2, 64, 77, 77, true), dense(2, 1, 80, 13, 100, false), dense(1, 1, 33, 100, 5, false),
	dense(1, 1, 16, 7, keyTile+40, false), dense(1, 2, 8, keyTile+30, keyTile+30, true),
	dense(1, 1, 8, 60, 30, true), dense(1, 1, 160, 49, 33, false),
}

func (s AttentionShape) String() string {
	return fmt.Sprintf("%dx%d d=%d %dx%d causal=%t", s.Batch, s.Heads, s.HeadDim, s.Queries, s.Keys, s.Causal)
}

func TestAttentionAgainstFloat64(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for i, s := range attentionShapes {
			t.Run(s.String(), func(t *testing.T) {
				q, k, v := s.data(rand.New(rand.NewPCG(uint64(i), 30)))
				requireClose(t, attention64(q, k, v, s), runAttention(t, q, k, v, s), product64)
			})
		}
	})
}

func TestAttentionSameBytes(t *testing.T) {
	for i, s := range attentionShapes {
		q, k, v := s.data(rand.New(rand.NewPCG(uint64(i), 31)))
		var want []float32
		withISA(isaGeneric, func() { want = runAttention(t, q, k, v, s) })
		eachISA(t, func(t *testing.T) { requireSame(t, want, runAttention(t, q, k, v, s)) })
	}
}

// meanTolerance is the float32 rounding of a mean of up to 80 values, whose weights are
// each off by as much.
const meanTolerance = 1e-6

// Equal keys give the mean of the values, whatever the query.
func TestAttentionEqualKeys(t *testing.T) {
	s := dense(1, 2, 40, 30, 64, false)
	q, k, v := s.data(rand.New(rand.NewPCG(32, 33)))
	for i := range k {
		k[i] = k[i%s.KStride]
	}
	want := make([]float64, len(q))
	for i := range want {
		for j := range s.Keys {
			want[i] += float64(v[j*s.VStride+i%s.VStride]) / float64(s.Keys)
		}
	}
	eachISA(t, func(t *testing.T) { requireClose(t, want, runAttention(t, q, k, v, s), meanTolerance) })
}

// A query's output depends on nothing but the keys and the values: not on the
// number of queries, on its place among them, or on the panel's width.
func TestAttentionSameQueries(t *testing.T) {
	s := dense(1, 1, 24, 75, keyTile+5, false)
	q, k, v := s.data(rand.New(rand.NewPCG(42, 43)))
	for i := range q {
		q[i] = q[i%s.QStride]
	}
	one := s
	one.Queries = 1
	eachISA(t, func(t *testing.T) {
		want, got := runAttention(t, q[:s.QStride], k, v, one), runAttention(t, q, k, v, s)
		for i := range s.Queries {
			requireSame(t, want, got[i*s.OutStride:][:s.OutStride])
		}
	})
}

// The first query of a causal head sees the first key alone, and no query sees
// a later key.
func TestAttentionCausal(t *testing.T) {
	s := dense(1, 1, 16, 70, 70, true)
	q, k, v := s.data(rand.New(rand.NewPCG(34, 35)))
	eachISA(t, func(t *testing.T) {
		out := runAttention(t, q, k, v, s)
		assert.Equal(t, v[:16], out[:16])
		k2, v2 := append([]float32(nil), k...), append([]float32(nil), v...)
		for i := 40 * 16; i < len(k); i++ {
			k2[i], v2[i] = 100, -100
		}
		requireSame(t, out[:40*16], runAttention(t, q, k2, v2, s)[:40*16])
	})
}

// q, k and v as columns of one matrix, and an output with room between tokens
// that must stay as it is.
func TestAttentionStrides(t *testing.T) {
	s := dense(2, 2, 8, 19, 19, false)
	rng := rand.New(rand.NewPCG(36, 37))
	q, k, v := s.data(rng)
	wide := s
	wide.QStride, wide.KStride, wide.VStride, wide.OutStride = 3*16, 3*16, 3*16, 20
	all := make([]float32, 2*19*3*16)
	for t := range 2 * 19 {
		copy(all[t*48:], q[t*16:][:16])
		copy(all[t*48+16:], k[t*16:][:16])
		copy(all[t*48+32:], v[t*16:][:16])
	}
	eachISA(t, func(t *testing.T) {
		want := runAttention(t, q, k, v, s)
		out := make([]float32, 2*19*20)
		for i := range out {
			out[i] = guard
		}
		work := make([]float32, AttentionWork(wide))
		Serial(Attention(out, all, all[16:], all[32:], wide, work)...)
		for t2 := range 2 * 19 {
			requireSame(t, want[t2*16:][:16], out[t2*20:][:16])
			requireSame(t, []float32{guard, guard, guard, guard}, out[t2*20+16:][:4])
		}
	})
}

// Scores far beyond the range of exp, a NaN in one query, Inf in a score.
func TestAttentionSpecial(t *testing.T) {
	s := dense(1, 1, 8, 14, 40, false)
	q, k, v := s.data(rand.New(rand.NewPCG(38, 39)))
	for i := range 8 {
		q[i] *= 1e6 // one key takes all
	}
	q[3*8+1] = float32(math.NaN())
	eachISA(t, func(t *testing.T) {
		out := runAttention(t, q, k, v, s)
		for i, x := range out {
			assert.Equal(t, i/8 == 3, x != x, "at %d", i)
		}
		best, largest := 0, math.Inf(-1)
		for j := range s.Keys {
			score := 0.0
			for d := range 8 {
				score += float64(q[d]) * float64(k[j*8+d])
			}
			if score > largest {
				best, largest = j, score
			}
		}
		assert.Equal(t, v[best*8:][:8], out[:8])
	})
}

func TestAttentionChecks(t *testing.T) {
	s := dense(1, 2, 8, 4, 5, false)
	q, k, v := s.data(rand.New(rand.NewPCG(40, 41)))
	out, work := make([]float32, len(q)), make([]float32, AttentionWork(s))
	assert.PanicsWithValue(t, "kernel: attention: short q", func() { Attention(out, q[1:], k, v, s, work) })
	assert.PanicsWithValue(t, "kernel: attention: short k", func() { Attention(out, q, k[1:], v, s, work) })
	assert.PanicsWithValue(t, "kernel: attention: short v", func() { Attention(out, q, k, v[1:], s, work) })
	assert.PanicsWithValue(t, "kernel: attention: short out", func() { Attention(out[1:], q, k, v, s, work) })
	assert.PanicsWithValue(t, "kernel: attention: short work space", func() { Attention(out, q, k, v, s, work[1:]) })
	s.Keys = 0
	require.Empty(t, Attention(out, q, k, v, s, work))
}

// Attention with a mask is attention over the keys that are seen, the same on every
// instruction set, whether a tile of keys has some of them or none.
func TestAttentionMasked(t *testing.T) {
	for _, tt := range []struct {
		s    AttentionShape
		seen func(batch, key int) bool // as many in each batch
	}{
		{dense(2, 2, 8, 40, 7, false), func(b, key int) bool { return key%3 == b+1 }},
		{dense(1, 1, 4, 5, 3*keyTile, false), func(_, key int) bool { return key < 20 || key > 2*keyTile+5 }},
		{dense(1, 2, 4, 5, 2*keyTile, false), func(_, key int) bool { return key > keyTile+9 }},
		{dense(1, 2, 16, 33, 700, false).rounded(), func(_, key int) bool { return key%5 < 2 }},
	} {
		t.Run(tt.s.String(), func(t *testing.T) {
			s, few := tt.s, tt.s
			q, k, v := s.data(rand.New(rand.NewPCG(5, uint64(s.Keys))))
			mask := make([]float32, s.Batch*s.Keys)
			var fewK, fewV []float32
			for i := range mask {
				if tt.seen(i/s.Keys, i%s.Keys) {
					mask[i] = 1
					fewK, fewV = append(fewK, k[i*s.KStride:][:s.KStride]...), append(fewV, v[i*s.VStride:][:s.VStride]...)
				}
			}
			few.Keys = len(fewK) / s.KStride / s.Batch
			run := func() []float32 {
				out := make([]float32, s.Batch*s.Queries*s.OutStride)
				Serial(MaskedAttention(out, q, k, v, mask, s, make([]float32, AttentionWork(s)))...)
				return out
			}
			limit := product64
			if s.BFloat16 {
				limit = bfloat16Error
			}
			var want []float32
			withISA(isaGeneric, func() { want = run() })
			requireClose(t, attention64(q, fewK, fewV, few), want, limit)
			if !s.BFloat16 {
				eachISA(t, func(t *testing.T) { requireSame(t, want, run()) })
			} else {
				eachDots(t, func(t *testing.T) { requireSame(t, want, run()) })
			}
		})
	}
}
