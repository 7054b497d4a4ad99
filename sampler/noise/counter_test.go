package noise_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/sampler/noise"
)

// An image's noise is its own, whatever the batch.
func TestCounter(t *testing.T) {
	batch := noise.NewCounter(7, 8, 9)
	alone := noise.NewCounter(8)
	for range 3 {
		x, y := make([]float32, 3*37), make([]float32, 37)
		batch.Normal(x)
		alone.Normal(y)
		assert.Equal(t, y, x[37:2*37])
	}
	first, second := make([]float32, 1<<16), make([]float32, 1<<16)
	g := noise.NewCounter(1)
	g.Normal(first)
	g.Normal(second)
	var mean, square, cross float64
	for i, v := range first {
		mean += float64(v)
		square += float64(v) * float64(v)
		cross += float64(v) * float64(second[i])
	}
	n := float64(len(first))
	assert.InDelta(t, 0, mean/n, 4/math.Sqrt(n))
	assert.InDelta(t, 1, square/n, 4*math.Sqrt(2/n))
	assert.InDelta(t, 0, cross/n, 4/math.Sqrt(n), "draws are independent")
}
