package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConcat(t *testing.T) {
	out := make([]float32, 6)
	Serial(Concat(out, 2, []float32{1, 2, 3, 4}, 2, []float32{5, 6}, 1))
	assert.Equal(t, []float32{1, 2, 5, 3, 4, 6}, out)
}

func TestChannelsLast(t *testing.T) {
	x := []float32{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16}
	out := make([]float32, 12)
	Serial(ToChannelsLast(out, x, 2, 2, 3))
	assert.Equal(t, []float32{1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16}, out)

	rng := rand.New(rand.NewPCG(4, 1))
	const n, c, pixels = 2, 37, 4000 // several tasks
	x = randoms(rng, n*c*pixels)
	last, first := make([]float32, len(x)), make([]float32, len(x))
	runGuarded(t, rng, ToChannelsLast(last, x, n, c, pixels), ToChannelsFirst(first, last, n, c, pixels))
	require.Equal(t, x, first)
}

func TestUpsample(t *testing.T) {
	x := []float32{
		1, 10, 2, 20,
		3, 30, 4, 40,
	}
	double := make([]float32, 4*4*2)
	Serial(Upsample(double, x, 1, 2, 2, 2, 4, 4))
	assert.Equal(t, []float32{
		1, 10, 1, 10, 2, 20, 2, 20,
		1, 10, 1, 10, 2, 20, 2, 20,
		3, 30, 3, 30, 4, 40, 4, 40,
		3, 30, 3, 30, 4, 40, 4, 40,
	}, double)

	odd := make([]float32, 2*3*5)
	Serial(Upsample(odd, []float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2, 1, 3, 5))
	assert.Equal(t, []float32{
		1, 1, 1, 2, 2,
		1, 1, 1, 2, 2,
		3, 3, 3, 4, 4,
		5, 5, 5, 6, 6,
		5, 5, 5, 6, 6,
		7, 7, 7, 8, 8,
	}, odd)
}

func TestGather(t *testing.T) {
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	out := make([]float32, 4)
	Serial(Gather(out, x, []float32{2, 0}, 2, 3, 2))
	assert.Equal(t, []float32{5, 6, 7, 8}, out)
	for _, bad := range []float32{-1, 3, 0.5} {
		assert.PanicsWithValue(t, "kernel: gather: row out of range", func() {
			Serial(Gather(out, x, []float32{bad}, 1, 3, 2))
		})
	}
}
