package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A layer norm is a group norm of one pixel and one group.
func TestLayerNormAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, d := range []int{1, 2, 15, 16, 17, 33, 320, 768, 1283} {
		for _, mean := range []float32{0, 100, -1000} {
			const rows = 3
			x, gamma, beta := randoms(rng, rows*d), randoms(rng, d), randoms(rng, d)
			for i := range x {
				x[i] += mean
			}
			want := groupNorm64(x, NormShape{N: rows, Pixels: 1, C: d, Groups: 1}, gamma, beta, 1e-5, None)
			out, check := guarded(make([]float32, len(x)))
			runGuarded(t, rng, LayerNorm(out, x, rows, d, gamma, beta, 1e-5))
			check(t)
			requireClose(t, want, out, normBound)

			Serial(LayerNorm(x, x, rows, d, gamma, beta, 1e-5))
			requireSame(t, out, x)
		}
	}
}

func TestLayerNormClosedForms(t *testing.T) {
	gamma, beta := []float32{1, 1, 2, 2}, []float32{0, 10, 0, 10}
	x := []float32{
		5, 5, 5, 5,
		3, 7, 3, 7,
	}
	Serial(LayerNorm(x[:4], x[:4], 1, 4, gamma, beta, 1e-5))
	Serial(LayerNorm(x[4:], x[4:], 1, 4, gamma, beta, 0))
	require.Equal(t, beta, x[:4])
	require.Equal(t, []float32{-1, 11, -2, 12}, x[4:])
	assert.PanicsWithValue(t, "kernel: layer norm: short gamma", func() { LayerNorm(x, x, 2, 4, gamma[:3], beta, 0) })
}
