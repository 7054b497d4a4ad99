package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// softmaxBound is relative to the largest weight, 1: the sum of n weights and
// a handful of roundings.
const softmaxBound = 1e-6

// softmax64 is the softmax, to base 2, of column q of s [keys][32].
func softmax64(s []float32, keys, q int) []float64 {
	most, sum := math.Inf(-1), 0.0
	for key := range keys {
		most = max(most, float64(s[key*panel+q]))
	}
	p := make([]float64, keys)
	for key := range p {
		p[key] = math.Exp2(float64(s[key*panel+q]) - most)
		sum += p[key]
	}
	for key := range p {
		p[key] /= sum
	}
	return p
}

// The online softmax over pieces gives the softmax of the whole.
func TestSoftmaxColumnsInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const keys = 77
	scores := randoms(rng, keys*panel)
	for i := range scores {
		scores[i] *= 10
	}
	eachISA(t, func(t *testing.T) {
		s := slices.Clone(scores)
		most, sum, rescale := slices.Repeat([]float32{softmaxStart}, panel), make([]float32, panel), make([]float32, panel)
		for from := 0; from < keys; from += 20 {
			softmaxColumns(s[from*panel:], min(20, keys-from), most, sum, rescale)
			scaleColumns(s, from, rescale)
		}
		for q := range panel {
			var got []float32
			for key := range keys {
				got = append(got, s[key*panel+q]/sum[q])
			}
			requireClose(t, softmax64(scores, keys, q), got, softmaxBound)
		}
	})
}

func TestSoftmaxColumnsMasked(t *testing.T) {
	inf := float32(math.Inf(1))
	round := func(scores ...float32) (most, sum, rescale []float32, weights []float32) {
		s := make([]float32, len(scores)*panel)
		for i, x := range scores {
			s[i*panel] = x
		}
		most, sum, rescale = slices.Repeat([]float32{softmaxStart}, 16), make([]float32, 16), make([]float32, 16)
		softmaxColumns(s, len(scores), most, sum, rescale)
		for i := range scores {
			weights = append(weights, s[i*panel])
		}
		return most[:1], sum[:1], rescale[:1], weights
	}
	eachISA(t, func(t *testing.T) {
		most, sum, rescale, weights := round(-inf, -inf, -inf)
		assert.Equal(t, []float32{0, 0, 0}, weights)
		assert.Equal(t, []float32{softmaxStart}, most)
		assert.Equal(t, []float32{0}, sum)
		assert.Equal(t, []float32{1}, rescale)

		most, sum, rescale, weights = round(3, -inf, 3)
		assert.Equal(t, []float32{1, 0, 1}, weights)
		assert.Equal(t, []float32{3}, most)
		assert.Equal(t, []float32{2}, sum)
		assert.Equal(t, []float32{0}, rescale)

		_, _, _, weights = round(1e30, 1e30, 1e30)
		assert.Equal(t, []float32{1, 1, 1}, weights)
		for _, bad := range []float32{inf, float32(math.NaN())} {
			_, sum, _, _ = round(1, bad, 2)
			assert.True(t, sum[0] != sum[0], "%v", bad)
		}
	})
}
