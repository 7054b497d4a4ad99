package op_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// waves are n numbers of about one magnitude.
func waves(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(float64(i * i)))
	}
	return x
}

// storedWeight is a weight as a checkpoint stores it in a type, for kernels of so many
// pixels or, with none, as a table, and its numbers.
func storedWeight(t *testing.T, kind ggml.Type, shape tensor.Shape, taps int) (*op.Weight, *tensor.Dense) {
	t.Helper()
	n := shape.TotalSize()
	numbers, data := waves(n), make([]float32, kernel.StoredLen(n, kind))
	stored := kernel.Stored(data, n, kind)
	require.NoError(t, kind.Quantize(stored, numbers))
	kind.Dequantize(numbers, stored)
	arg := op.Arg{Data: data, Stored: kind}
	if taps > 0 {
		arg = op.Arg{Packed: kernel.Packed{K: n / shape[0], N: shape[0], Stored: kind, Taps: taps, Data: data}}
	}
	w := op.NewWeight(shape)
	w.Set(arg, nil)
	return w, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(numbers))
}

// An operation gives the same bytes with a weight that is stored in a type as with its
// numbers in float32.
func TestStoredWeights(t *testing.T) {
	tests := []struct {
		name   string
		x      []float32
		shape  []int // of x
		weight tensor.Shape
		taps   int
		make   func(x, w *G.Node) (*G.Node, error)
	}{
		{"linear", waves(3 * 256), []int{3, 256}, tensor.Shape{33, 256}, 1,
			func(x, w *G.Node) (*G.Node, error) { return op.Linear(x, w, nil) }},
		{"conv", waves(5 * 4 * 32), []int{1, 5, 4, 32}, tensor.Shape{8, 32, 3, 3}, 9,
			func(x, w *G.Node) (*G.Node, error) { return op.Conv2D(x, w, nil, 1, op.Same(1)) }},
		{"conv with stride", waves(6 * 6 * 64), []int{1, 6, 6, 64}, tensor.Shape{40, 64, 3, 3}, 9,
			func(x, w *G.Node) (*G.Node, error) { return op.Conv2D(x, w, nil, 2, op.Same(1)) }},
		{"embed", []float32{3, 0, 3, 7}, []int{2, 2}, tensor.Shape{8, 32}, 0,
			func(x, w *G.Node) (*G.Node, error) { return op.Embed(x, w, nil) }},
		{"unpack", []float32{0}, []int{1}, tensor.Shape{8, 32, 3, 3}, 9,
			func(_, w *G.Node) (*G.Node, error) { return op.Unpack(w) }},
	}
	for _, tt := range tests {
		for _, kind := range []ggml.Type{ggml.BF16, ggml.Q8_0, ggml.Q5_1, ggml.Q4_K} {
			stored, dense := storedWeight(t, kind, tt.weight, tt.taps)
			assert.EqualValues(t, kind.Bytes(tt.weight.TotalSize()), stored.MemSize())
			in := nodes(tt.shape, tt.weight)
			out, err := tt.make(in[0], in[1])
			require.NoError(t, err)
			run := func(w G.Value) []float32 {
				x := tensor.New(tensor.WithShape(tt.shape...), tensor.WithBacking(tt.x))
				values := []G.Value{x, w}
				o := out.Op().(*op.Op)
				v, err := o.Do(values[len(values)-o.Arity():]...)
				require.NoError(t, err)
				return v.(*tensor.Dense).Float32s()
			}
			assert.Equal(t, run(dense), run(stored), "%s %v", tt.name, kind)

			copied, err := stored.Dense()
			require.NoError(t, err)
			assert.Equal(t, dense.Float32s(), copied.Float32s(), "%s %v", tt.name, kind)
		}
	}
}
