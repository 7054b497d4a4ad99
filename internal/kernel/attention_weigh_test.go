package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWeightOf(t *testing.T) {
	const digit = 0x1p-8 + 1e-4 // half of a bfloat16's last digit, and the polynomial's error
	for s := float32(weightMin); s <= weightMax; s += 0x1.9p-8 {
		assert.InEpsilon(t, math.Exp2(float64(s)), fromBFloat16(weightOf(s, 0)), digit, "%v", s)
		assert.Equal(t, weightOf(s, 0), weightOf(s+64, 64), "%v", s)
	}
	assert.Equal(t, float32(1), fromBFloat16(weightOf(0, 0)))
	assert.Zero(t, weightOf(weightMin-1, 0))
	assert.Zero(t, weightOf(float32(math.Inf(-1)), 0))
	nan := fromBFloat16(weightOf(float32(math.NaN()), 0))
	assert.True(t, nan != nan)
}

// The assembly weighs as the plain code does: whole tiles of keys and what is left over,
// near the limits and beside NaN.
func TestWeighSameBytes(t *testing.T) {
	if !bestDots().bf16 {
		t.Skip("no instruction for bfloat16")
	}
	rng := rand.New(rand.NewPCG(68, 69))
	for keys := 1; keys < 40; keys++ {
		for _, columns := range []int{16, 32} {
			for _, m := range []float32{0, -3, 700} {
				p := queryPanel{most: make([]float32, columns), far: []float32{0}, state: make([]float32, stateLen)}
				p.norm = p.state[stateSum:][:columns]
				for i := range p.most {
					p.most[i], p.norm[i] = m, rng.Float32()
				}
				p.setState()
				scores := randoms(rng, keys*panel+panel)
				for i := range scores {
					switch rng.IntN(8) {
					case 0:
						scores[i] = m + weightMin + scores[i]
					case 1:
						scores[i] = float32(math.Inf(-1))
					case 2:
						scores[i] = m - 1e-9
					case 3:
						scores[i] = m + weightMax - 20*rng.Float32()
					default:
						scores[i] = m + 10*scores[i]
					}
				}
				scores[rng.IntN(keys)*panel+3] = float32(math.NaN())
				scores[rng.IntN(keys)*panel+5] = m + weightMax + float32(rng.IntN(2)) // the limit, or above
				want := append([]float32(nil), scores...)
				state := append([]float32(nil), p.state...)
				off := weighGeneric(want, keys, state, columns)
				p.weigh(scores, keys, true)
				require.Equal(t, off, p.off)
				requireSame(t, state, p.state)
				for pair := range ceilDiv(keys, 2) {
					requireSame(t, want[pair*panel:][:columns], scores[pair*panel:][:columns])
				}
			}
		}
	}
}

// lifted is attention whose scores are exact, for heads of two numbers: the first adds
// lift(key) to the score in units of ln 2, the second is random.
func lifted(queries, keys int, lift func(key int) float32) (s AttentionShape, q, k, v []float32) {
	s = dense(1, 1, 2, queries, keys, false).rounded()
	s.Scale = math.Ln2
	rng := rand.New(rand.NewPCG(72, 73))
	q, k, v = s.data(rng)
	for i := range queries {
		q[2*i], q[2*i+1] = 1, float32(rng.IntN(9)-4)/2
	}
	for i := range keys {
		k[2*i], k[2*i+1] = lift(i), float32(rng.IntN(17)-8)/4
	}
	return s, q, k, v
}

// Scores that are far from 0, that grow from tile to tile, or are too large for a whole
// number beside them, are weighed as well as small ones.
func TestAttentionBFloat16Lifted(t *testing.T) {
	for name, lift := range map[string]func(key int) float32{
		"high":    func(int) float32 { return 100 },
		"low":     func(int) float32 { return -100 },
		"vanish":  func(int) float32 { return -512 },
		"growing": func(key int) float32 { return float32(key / 128 * 48) },
		"falling": func(key int) float32 { return float32(-key / 128 * 48) },
		"jumping": func(key int) float32 { return float32(key / 300 % 2 * 1024) },
		"far":     func(int) float32 { return 0x1p21 },
		"far up":  func(key int) float32 { return float32(key/300%2) * 0x1p21 },
		"far low": func(int) float32 { return -0x1p21 },
		"sunken":  func(key int) float32 { return -0x1p21 * float32(1-key/300%2) },
	} {
		t.Run(name, func(t *testing.T) {
			s, q, k, v := lifted(40, 900, lift)
			want := attention64(q, k, v, s)
			eachDots(t, func(t *testing.T) { requireClose(t, want, runAttention(t, q, k, v, s), bfloat16Error) })
		})
	}
}

// What is added to all scores changes no byte, though it is far from the first m.
func TestAttentionBFloat16LiftedSameBytes(t *testing.T) {
	s, q, k, v := lifted(40, 900, func(int) float32 { return 0 })
	want := runAttention(t, q, k, v, s)
	for _, lift := range []float32{24, -24, 64, -64, 200, -300, 4096} {
		t.Run(fmt.Sprint(lift), func(t *testing.T) {
			s, q, k, v := lifted(40, 900, func(int) float32 { return lift })
			eachDots(t, func(t *testing.T) { requireSame(t, want, runAttention(t, q, k, v, s)) })
		})
	}
}
