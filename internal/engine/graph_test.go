package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

func input(g *G.ExprGraph, name string, shape ...int) *G.Node {
	return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// weight adds a node that holds random numbers.
func weight(g *G.ExprGraph, r *rand.Rand, name string, shape ...int) *G.Node {
	v := op.NewWeight(shape)
	v.Set(op.Arg{Data: random(r, v.Size())}, nil)
	return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// randomGraph makes a graph of n operations on images [2 6 4 8].
func randomGraph(t *testing.T, r *rand.Rand, n int) (inputs, outputs []*G.Node) {
	g := G.NewGraph()
	x := input(g, "x", 2, 6, 4, 8)
	y := input(g, "y", 2, 6, 4, 8)
	bias := input(g, "bias", 2, 8)
	images := []*G.Node{x, y}
	pick := func() *G.Node { return images[r.IntN(len(images))] }
	for i := range n {
		name := fmt.Sprint(i)
		var out *G.Node
		var err error
		switch r.IntN(8) {
		case 0:
			out, err = op.Add(pick(), pick())
		case 1:
			out, err = op.Activate(pick(), kernel.SiLU)
		case 2:
			out, err = op.AddPerChannel(pick(), bias)
		case 3:
			out, err = op.Conv2D(pick(), weight(g, r, "w"+name, 8, 8, 3, 3), weight(g, r, "b"+name, 8), 1, op.Same(1))
		case 4: // a view, and back
			if out, err = op.Reshape(pick(), 2, 24, 8); err == nil {
				if out, err = op.Linear(out, weight(g, r, "w"+name, 8, 8), nil); err == nil {
					out, err = op.Reshape(out, 2, 6, 4, 8)
				}
			}
		case 5:
			out, err = op.GroupNorm(pick(), weight(g, r, "g"+name, 8), weight(g, r, "b"+name, 8), 2, 1e-5)
		case 6:
			if out, err = op.Concat(pick(), pick()); err == nil {
				out, err = op.Conv2D(out, weight(g, r, "w"+name, 8, 16, 1, 1), nil, 1, op.Padding{})
			}
		case 7:
			if out, err = op.Upsample(pick(), 12, 8); err == nil {
				out, err = op.Conv2D(out, weight(g, r, "w"+name, 8, 8, 3, 3), nil, 2, op.Same(1))
			}
		}
		require.NoError(t, err)
		images = append(images, out)
	}
	outputs = []*G.Node{images[len(images)-1]}
	if r.IntN(2) == 0 {
		outputs = append(outputs, images[2+r.IntN(len(images)-2)], outputs[0])
	}
	return []*G.Node{x, y, bias}, outputs
}

// reference computes a node by calling every operation's Do, one by one.
func reference(t *testing.T, n *G.Node, values map[*G.Node]G.Value) G.Value {
	if v, ok := values[n]; ok {
		return v
	}
	if n.Op() == nil {
		return n.Value()
	}
	var in []G.Value
	for it := n.Graph().From(n.ID()); it.Next(); {
		in = append(in, reference(t, it.Node().(*G.Node), values))
	}
	v, err := n.Op().Do(in...)
	require.NoError(t, err)
	values[n] = v
	return v
}

// The planned, fused machine gives the bytes of the operations one by one.
func TestRandomGraphs(t *testing.T) {
	eng, err := engine.New(&engine.Options{Threads: 3})
	require.NoError(t, err)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		inputs, outputs := randomGraph(t, r, 2+r.IntN(25))
		plan, err := engine.NewPlan(inputs, outputs)
		require.NoError(t, err)
		got := make([][]float32, len(outputs))
		for i, n := range outputs {
			got[i] = make([]float32, n.Shape().TotalSize())
		}
		for range 2 { // the second run is on dirty memory
			values := map[*G.Node]G.Value{}
			var data [][]float32
			for _, n := range inputs {
				x := random(r, n.Shape().TotalSize())
				data = append(data, x)
				values[n] = engine.Tensor(x, n.Shape()...)
			}
			require.NoError(t, eng.Run(t.Context(), plan, data, got))
			for i, n := range outputs {
				require.Equal(t, reference(t, n, values).Data(), got[i], "seed %d output %d", seed, i)
			}
		}
	}
}

func TestBadGraphs(t *testing.T) {
	g := G.NewGraph()
	x, y := input(g, "x", 2, 3), input(g, "y", 2, 3)
	sum, err := op.Add(x, y)
	require.NoError(t, err)
	_, err = engine.NewPlan([]*G.Node{x}, []*G.Node{sum})
	assert.EqualError(t, err, `engine: node "y" has no value and is no input`)
	_, err = engine.NewPlan([]*G.Node{x, y}, nil)
	assert.EqualError(t, err, "engine: no outputs to compute")
	_, err = engine.NewPlan([]*G.Node{sum}, []*G.Node{sum})
	assert.ErrorContains(t, err, "want a node without an operation")
	double := G.NewMatrix(g, tensor.Float64, G.WithShape(2, 3), G.WithName("double"))
	_, err = engine.NewPlan([]*G.Node{double}, []*G.Node{G.Must(G.Square(double))})
	assert.ErrorContains(t, err, "of float64, want float32")
	_, err = op.Add(x, input(g, "z", 3, 2))
	assert.EqualError(t, err, "op: add: have b [3 2], want [2 3]")
}

// Gorgonia's own operations run beside ours, on scalars too, and their errors are
// the run's.
func TestForeign(t *testing.T) {
	g := G.NewGraph()
	x, y := input(g, "x", 2, 3), input(g, "y", 2, 3)
	sum, err := op.Add(x, y)
	require.NoError(t, err)
	loss := G.Must(G.Mul(G.NewConstant(float32(2)), G.Must(G.Sum(G.Must(G.Square(sum))))))
	plan, err := engine.NewPlan([]*G.Node{x, y}, []*G.Node{loss, G.Must(G.Add(x, y))})
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	m, err := plan.NewMachine(&eng.Memory, 2)
	require.NoError(t, err)
	defer m.Close()
	require.NoError(t, G.Let(x, engine.Tensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)))
	require.NoError(t, G.Let(y, engine.Tensor([]float32{1, 1, 1, 1, 1, 1}, 2, 3)))
	require.NoError(t, m.RunAll())
	assert.Equal(t, float32(2*(4+9+16+25+36+49)), loss.Value().Data())
}

// RunAll takes inputs from and gives outputs to the nodes.
func TestVM(t *testing.T) {
	g := G.NewGraph()
	x := input(g, "x", 2, 3)
	y, err := op.Add(x, x)
	require.NoError(t, err)
	plan, err := engine.NewPlan([]*G.Node{x}, []*G.Node{y})
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	m, err := plan.NewMachine(&eng.Memory, 0)
	require.NoError(t, err)
	defer m.Close()
	assert.EqualError(t, m.RunAll(), `engine: input "x" has no value`)
	for _, v := range []float32{1, 2} {
		require.NoError(t, G.Let(x, engine.Tensor([]float32{v, 2, 3, 4, 5, 6}, 2, 3)))
		require.NoError(t, m.RunAll())
		assert.Equal(t, []float32{2 * v, 4, 6, 8, 10, 12}, y.Value().Data())
		m.Reset()
	}
}
