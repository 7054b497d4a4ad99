package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// softmaxBound is relative to the largest weight, 1: the sum of n weights in
// 16 lanes and a handful of roundings.
const softmaxBound = 1e-6

func softmax64(s []float32, scale float64) []float64 {
	most, sum := math.Inf(-1), 0.0
	for _, v := range s {
		most = max(most, scale*float64(v))
	}
	p := make([]float64, len(s))
	for i, v := range s {
		p[i] = math.Exp(scale*float64(v) - most)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// The online softmax over pieces gives the softmax of the whole.
func TestSoftmaxRowInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const scale = 0.158
	s := randoms(rng, 77)
	for i := range s {
		s[i] *= 20
	}
	want := softmax64(s, scale)
	most, sum := float32(softmaxStart), float32(0)
	for from := 0; from < len(s); from += 20 {
		to := min(from+20, len(s))
		var rescale float32
		most, sum, rescale = softmaxRow(s[from:to], scale, most, sum)
		scaleRow(s[:from], s[:from], rescale)
	}
	scaleRow(s, s, 1/sum)
	requireClose(t, want, s, softmaxBound)
}

func TestSoftmaxRowMasked(t *testing.T) {
	inf := float32(math.Inf(1))
	row := []float32{-inf, -inf, -inf}
	most, sum, rescale := softmaxRow(row, 0.5, softmaxStart, 0)
	assert.Equal(t, []float32{0, 0, 0}, row)
	assert.Equal(t, float32(softmaxStart), most)
	assert.Zero(t, sum)
	assert.Equal(t, float32(1), rescale)

	row = []float32{3, -inf, 3}
	most, sum, rescale = softmaxRow(row, 0.5, most, sum)
	assert.Equal(t, []float32{1, 0, 1}, row)
	assert.Equal(t, float32(3), most)
	assert.Equal(t, float32(2), sum)
	assert.Zero(t, rescale)
}

func TestSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rows = 5
	for _, n := range []int{1, 2, 15, 16, 17, 77, 1000} {
		x := randoms(rng, rows*n)
		out := make([]float32, len(x))
		Serial(Softmax(out, x, rows, n))
		for r := range rows {
			requireClose(t, softmax64(x[r*n:][:n], 1), out[r*n:][:n], softmaxBound)
		}
	}
}

func TestSoftmaxEqualScores(t *testing.T) {
	x := []float32{7, 7, 7, 7, 1e30, 1e30, 1e30, 1e30}
	Serial(Softmax(x, x, 2, 4))
	require.Equal(t, []float32{.25, .25, .25, .25, .25, .25, .25, .25}, x)
}

func TestSoftmaxNaN(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		x := []float32{1, float32(bad), 2}
		Serial(Softmax(x, x, 1, 3))
		for _, v := range x {
			assert.True(t, v != v, "%v", bad)
		}
	}
}
