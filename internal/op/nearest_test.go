package op_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// Of several entries as near the first is taken, and the derivative goes straight through.
func TestNearest(t *testing.T) {
	book := []float32{0, 0, 2, 2, 2, 2, -1, 5} // entries 1 and 2 are the same
	x := []float32{1.9, 2.5, -0.1, 0, 1, 1, -2, 4}
	for name, run := range runners {
		in := nodes([]int{2, 1, 2, 2}, []int{4, 2})
		quantized, err := op.Quantize(in[0], in[1])
		require.NoError(t, err)
		assert.Equal(t, []float32{2, 2, 0, 0, 0, 0, -1, 5}, run(t, in, [][]float32{x, book}, quantized), name)

		in = nodes([]int{2, 1, 2, 2}, []int{4, 2})
		indices, err := op.NearestIndex(in[0], in[1])
		require.NoError(t, err)
		assert.Equal(t, []int{2, 1, 2}, []int(indices.Shape()))
		assert.Equal(t, []float32{1, 0, 0, 3}, run(t, in, [][]float32{x, book}, indices), name)

		in = nodes([]int{2, 1, 2, 2}, []int{4, 2})
		quantized, err = op.Quantize(in[0], in[1])
		require.NoError(t, err)
		square, err := op.Multiply(quantized, quantized)
		require.NoError(t, err)
		d, err := G.Grad(G.Must(G.Sum(square)), in[0])
		require.NoError(t, err)
		assert.Equal(t, []float32{4, 4, 0, 0, 0, 0, -2, 10}, run(t, in, [][]float32{x, book}, d[0]), name)
	}
	in := nodes([]int{2, 3}, []int{4, 2})
	_, err := op.Quantize(in[0], in[1])
	assert.EqualError(t, err, "op: nearest: have x [2 3], want [... 2]")
}
