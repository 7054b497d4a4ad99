package op_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// nodes makes input nodes of the given shapes on one graph.
func nodes(shapes ...[]int) []*G.Node {
	g := G.NewGraph()
	var out []*G.Node
	for i, s := range shapes {
		out = append(out, G.NewTensor(g, tensor.Float32, len(s), G.WithShape(s...), G.WithName(fmt.Sprint(i))))
	}
	return out
}

// run computes a node's operation on its inputs' values.
func run(t *testing.T, n *G.Node, inputs ...[]float32) []float32 {
	var values []G.Value
	i := 0
	for it := n.Graph().From(n.ID()); it.Next(); i++ {
		in := it.Node().(*G.Node)
		values = append(values, tensor.New(tensor.WithShape(in.Shape()...), tensor.WithBacking(inputs[i])))
	}
	v, err := n.Op().Do(values...)
	require.NoError(t, err)
	assert.True(t, n.Shape().Eq(v.Shape()))
	return v.Data().([]float32)
}

func TestClosedForms(t *testing.T) {
	x := nodes([]int{1, 2, 2, 1}, []int{1, 1, 3, 3}, []int{1})
	y, err := op.Conv2D(x[0], x[1], x[2], 1, op.Same(1))
	require.NoError(t, err)
	delta := []float32{0, 0, 0, 0, 1, 0, 0, 0, 0}
	assert.Equal(t, []float32{11, 12, 13, 14}, run(t, y, []float32{1, 2, 3, 4}, delta, []float32{10}))

	x = nodes([]int{1, 2, 2, 1}, []int{1, 1, 3, 3})
	y, err = op.Conv2D(x[0], x[1], nil, 2, op.Padding{Bottom: 1, Right: 1})
	require.NoError(t, err)
	ones := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}
	assert.Equal(t, []float32{10}, run(t, y, []float32{1, 2, 3, 4}, ones))

	x = nodes([]int{2, 2}, []int{3, 2}, []int{3})
	y, err = op.Linear(x[0], x[1], x[2])
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 13, 3, 4, 17}, run(t, y, []float32{1, 2, 3, 4}, []float32{1, 0, 0, 1, 1, 1}, []float32{0, 0, 10}))

	x = nodes([]int{1, 2, 1, 1})
	y, err = op.Upsample(x[0], 5, 1)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1, 1, 2, 2}, run(t, y, []float32{1, 2}))

	x = nodes([]int{1, 2, 1, 2})
	y, err = op.ChannelsLast(x[0])
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 3, 2, 4}, run(t, y, []float32{1, 2, 3, 4}))

	x = nodes([]int{2, 1}, []int{2, 2})
	y, err = op.Concat(x[0], x[1])
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 3, 4, 2, 5, 6}, run(t, y, []float32{1, 2}, []float32{3, 4, 5, 6}))

	x = nodes([]int{1, 2}, []int{3, 2}, []int{4, 2})
	y, err = op.Embed(x[0], x[1], x[2])
	require.NoError(t, err)
	assert.Equal(t, []float32{15, 26, 31, 42}, run(t, y, []float32{2, 0}, []float32{1, 2, 3, 4, 5, 6}, []float32{10, 20, 30, 40, 50, 60, 70, 80}))

	// Equal keys share the attention evenly; the causal mask hides later ones.
	x = nodes([]int{1, 3, 1}, []int{1, 3, 1}, []int{1, 3, 1})
	for causal, want := range map[bool][]float32{false: {5, 5, 5}, true: {2, 3, 5}} {
		y, err = op.Attention(x[0], x[1], x[2], 1, causal, false)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, run(t, y, []float32{1, 2, 3}, []float32{7, 7, 7}, []float32{2, 4, 9}), forwardTolerance)
	}
}

// Shapes are checked when a node is made, and the message names them.
func TestShapeErrors(t *testing.T) {
	x := nodes([]int{2, 3, 5, 8}, []int{2, 15, 8}, []int{2, 8}, []int{4, 7}, []int{4, 8, 3, 3}, []int{5}, []int{8})
	image, tokens, row, matrix, filter, five, eight := x[0], x[1], x[2], x[3], x[4], x[5], x[6]
	for _, tt := range []struct {
		make func() (*G.Node, error)
		want string
	}{
		{func() (*G.Node, error) { return op.Linear(tokens, matrix, nil) }, "op: linear: have x [2 15 8] and weight [4 7], want x [... 7]"},
		{func() (*G.Node, error) { return op.Linear(tokens, filter, nil) }, "op: linear: have an input of shape [4 8 3 3], want 2 dimensions"},
		{func() (*G.Node, error) { return op.Conv2D(tokens, filter, nil, 1, op.Same(1)) }, "op: conv2d: have an input of shape [2 15 8], want 4 dimensions"},
		{func() (*G.Node, error) { return op.Conv2D(image, filter, five, 1, op.Same(1)) }, "op: conv2d: have bias [5], want [4]"},
		{func() (*G.Node, error) { return op.Conv2D(image, image, nil, 1, op.Same(1)) }, "op: conv2d: have x [2 3 5 8]"},
		{func() (*G.Node, error) { return op.GroupNorm(image, eight, eight, 3, 1e-5) }, "op: groupnorm: have 8 channels, want a multiple of the 3 groups"},
		{func() (*G.Node, error) { return op.GroupNorm(image, five, eight, 2, 1e-5) }, "op: groupnorm: have gamma [5], want [8]"},
		{func() (*G.Node, error) { return op.LayerNorm(tokens, eight, five, 1e-5) }, "op: layernorm: have beta [5], want [8]"},
		{func() (*G.Node, error) { return op.Attention(tokens, tokens, image, 2, false, false) }, "op: attention: have values [2 3 5 8], want [2 15 8]"},
		{func() (*G.Node, error) { return op.Attention(tokens, tokens, tokens, 3, false, false) }, "op: attention: have width 8 and 3 heads, want a multiple"},
		{func() (*G.Node, error) { return op.AddPerChannel(image, five) }, "op: addPerChannel: have bias [5], want [2 8]"},
		{func() (*G.Node, error) { return op.Concat(image, tokens) }, "op: concat: have [2 3 5 8] and [2 15 8]"},
		{func() (*G.Node, error) { return op.Reshape(image, 7) }, "op: reshape: have x [2 3 5 8], want the size of [7]"},
		{func() (*G.Node, error) { return op.GEGLU(matrix) }, "op: geglu: have x [4 7], want an even last dimension"},
		{func() (*G.Node, error) { return op.Gather(tokens, five) }, "op: gather: have rows [5], want [2]"},
		{func() (*G.Node, error) { return op.Embed(row, matrix, tokens) }, "op: embed: have positions [2 15 8], want [≥8 7]"},
	} {
		_, err := tt.make()
		assert.ErrorContains(t, err, tt.want)
	}
}

// Equal operations on equal inputs stay two nodes.
func TestUniqueNodes(t *testing.T) {
	x := nodes([]int{2, 3})
	seen := map[int64]bool{}
	for range 1000 {
		y, err := op.Activate(x[0], kernel.SiLU)
		require.NoError(t, err)
		seen[y.ID()] = true
	}
	assert.Len(t, seen, 1000)
}

func TestBadValues(t *testing.T) {
	x := nodes([]int{2})
	y, err := op.Add(x[0], x[0])
	require.NoError(t, err)
	good := tensor.New(tensor.WithBacking([]float32{1, 2}))
	_, err = y.Op().Do(good)
	assert.ErrorContains(t, err, "have 1 inputs, want 2")
	_, err = y.Op().Do(good, tensor.New(tensor.WithBacking([]float64{1, 2})))
	assert.ErrorContains(t, err, "input 1: have a tensor of float64, want float32")
	_, err = y.Op().Do(good, G.NewF32(1))
	assert.ErrorContains(t, err, "want a *tensor.Dense")

	x = nodes([]int{1, 1}, []int{3, 2})
	y, err = op.Embed(x[0], x[1], nil)
	require.NoError(t, err)
	_, err = y.Op().Do(tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float32{3})), tensor.New(tensor.WithShape(3, 2), tensor.WithBacking(make([]float32, 6))))
	assert.ErrorContains(t, err, "op: embed 1 of 3×2")
}

// With many channels a convolution is Winograd's, which gives what the direct one
// gives, but for rounding.
func TestConv2DAlgorithm(t *testing.T) {
	const h, w, tolerance = 5, 7, 1e-5
	r := rand.New(rand.NewPCG(3, 3))
	fill := func(shape ...int) *tensor.Dense {
		x := make([]float32, tensor.Shape(shape).TotalSize())
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))
	}
	for _, tt := range []struct {
		in, out, stride int
		winograd        bool
	}{{128, 128, 1, true}, {128, 128, 2, false}, {64, 128, 1, false}, {128, 64, 1, false}, {132, 128, 1, false}} {
		x, weight := fill(1, h, w, tt.in), fill(tt.out, tt.in, 3, 3)
		n := nodes(x.Shape(), weight.Shape())
		y, err := op.Conv2D(n[0], n[1], nil, tt.stride, op.Same(1))
		require.NoError(t, err)
		got, err := y.Op().Do(x, weight)
		require.NoError(t, err)
		lowered, err := op.CPU{}.Lower(y.Op().(*op.Op).Operation)
		require.NoError(t, err)
		assert.Equal(t, tt.winograd, strings.HasPrefix(lowered.String(), "winograd"), lowered)

		s := kernel.ConvShape{
			N: 1, H: h, W: w, InC: tt.in, OutC: tt.out, KH: 3, KW: 3, Stride: tt.stride, PadTop: 1, PadLeft: 1,
			OutH: y.Shape()[1], OutW: y.Shape()[2],
		}
		packed := kernel.PackConv(make([]float32, kernel.PackedLen(9*tt.in, tt.out, kernel.Float32)), weight.Float32s(), tt.out, tt.in, 3, 3, kernel.Float32)
		want := make([]float32, y.Shape().TotalSize())
		kernel.Serial(kernel.Conv2D(want, x.Float32s(), s, packed, kernel.Epilogue{})...)
		golden.Close(t, want, got.Data().([]float32), tolerance, y.Op().String())
	}
}
