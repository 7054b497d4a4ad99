package op_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// gradientTolerance is relative to the largest derivative: the derivatives are float32,
// and central differences with a step of 1e-5 in float64 are good to about 1e-9.
const gradientTolerance = 2e-6

// extra adds a node with values of its own to the graph of another.
func extra(n *G.Node, name string, shape ...int) *G.Node {
	return G.NewTensor(n.Graph(), tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name),
		G.WithValue(engine.Tensor(randoms(tensor.Shape(shape).TotalSize()), shape...)))
}

// adjoint is the derivative of a linear operation on x, as an operation on d.
func adjoint(linear func(x *G.Node) (*G.Node, error), shape []int) func([]*G.Node) (*G.Node, error) {
	return func(in []*G.Node) (*G.Node, error) {
		x := extra(in[0], "x", shape...)
		y, err := linear(x)
		if err != nil {
			return nil, err
		}
		if !y.Shape().Eq(in[0].Shape()) {
			return nil, fmt.Errorf("the output is %v", y.Shape())
		}
		all, err := y.Op().(G.SDOp).SymDiff(G.Nodes{x}, y, in[0])
		if err != nil {
			return nil, err
		}
		return all[0], nil
	}
}

// Every operation's derivative is that of its float64 reference by central differences,
// on our machine and, with the same bytes, on gorgonia's.
func TestGradients(t *testing.T) {
	for _, c := range operations() {
		t.Run(c.name, func(t *testing.T) {
			in := nodes(c.shapes...)
			out, err := c.make(in)
			require.NoError(t, err)
			factor := G.NewTensor(in[0].Graph(), tensor.Float32, out.Dims(), G.WithShape(out.Shape()...), G.WithName("factor"))
			product, err := op.Multiply(out, factor)
			require.NoError(t, err)
			loss := G.Must(G.Sum(product))
			var wrt G.Nodes
			var values [][]float32
			for i, n := range in {
				x, fixed := c.fixed[i]
				if !fixed {
					x = randoms(n.Shape().TotalSize())
					wrt = append(wrt, n)
				}
				values = append(values, x)
				require.NoError(t, G.Let(n, engine.Tensor(x, n.Shape()...)))
			}
			r := randoms(out.Shape().TotalSize())
			require.NoError(t, G.Let(factor, engine.Tensor(r, out.Shape()...)))
			grads, err := G.Grad(loss, wrt...)
			require.NoError(t, err)

			plan, err := engine.NewPlan(append(in, factor), append([]*G.Node{loss}, grads...))
			require.NoError(t, err)
			eng, err := engine.New(nil)
			require.NoError(t, err)
			m, err := plan.NewMachine(&eng.Memory, 2)
			require.NoError(t, err)
			defer m.Close()
			require.NoError(t, m.RunAll())
			var got [][]float32
			for i, g := range grads {
				require.True(t, g.Shape().Eq(wrt[i].Shape()), "have %v, want %v", g.Shape(), wrt[i].Shape())
				got = append(got, append([]float32{}, g.Value().Data().([]float32)...))
			}
			if c.name != winograd || !testing.Short() { // its reference takes a second
				checkDifferences(t, c, in, wrt, values, r, got)
			}

			for _, g := range grads { // what is compared is gorgonia's then
				clear(g.Value().Data().([]float32))
			}
			tape := G.NewTapeMachine(in[0].Graph())
			defer tape.Close()
			require.NoError(t, tape.RunAll())
			for i, g := range grads {
				assert.Equal(t, g.Value().Data().([]float32), got[i], "gorgonia's machine")
			}
		})
	}
}

// checkDifferences compares derivatives with central differences at some places.
func checkDifferences(t *testing.T, c operationCase, in []*G.Node, wrt G.Nodes, values [][]float32, factor []float32, got [][]float32) {
	const places = 24
	step := 1e-5
	reference := c.reference
	if reference == nil { // linear
		step = 0.5
		reference = func(x [][]float64) []float64 { return operation(t, c, in, x) }
	}
	wide := make([][]float64, len(values))
	for i, v := range values {
		wide[i] = toFloat64(v)
	}
	loss := func() (sum float64) {
		for i, v := range reference(wide) {
			sum += v * float64(factor[i])
		}
		return sum
	}
	r := rand.New(rand.NewPCG(5, 5))
	for k, n := range wrt {
		i := 0
		for in[i] != n {
			i++
		}
		largest := 0.0
		for _, v := range got[k] {
			largest = max(largest, math.Abs(float64(v)))
		}
		require.NotZero(t, largest)
		for range places {
			at := r.IntN(len(got[k]))
			x := wide[i][at]
			wide[i][at] = x + step
			above := loss()
			wide[i][at] = x - step
			below := loss()
			wide[i][at] = x
			assert.InDelta(t, (above-below)/(2*step), float64(got[k][at]), gradientTolerance*largest, "input %d at %d", i, at)
		}
	}
}

// operation computes an operation in float32.
func operation(t *testing.T, c operationCase, in []*G.Node, x [][]float64) []float64 {
	g := nodes(c.shapes...)
	out, err := c.make(g)
	require.NoError(t, err)
	plan, err := engine.NewPlan(g, []*G.Node{out})
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	inputs := make([][]float32, len(x))
	for i, v := range x {
		for _, f := range v {
			inputs[i] = append(inputs[i], float32(f))
		}
	}
	y := make([]float32, out.Shape().TotalSize())
	require.NoError(t, eng.Run(t.Context(), plan, inputs, [][]float32{y}))
	return toFloat64(y)
}

func toFloat64(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// randoms returns n normal numbers, the same in every call.
func randoms(n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// What has no derivative says so.
func TestNoDerivative(t *testing.T) {
	x := nodes([]int{1, 16, 3}, []int{1})
	match, err := op.MatchTokens(x[0], x[1], 4, 4, 9, 3)
	require.NoError(t, err)
	y, err := match.Merge(x[0])
	require.NoError(t, err)
	_, err = G.Grad(G.Must(G.Sum(y)), x[1])
	assert.ErrorContains(t, err, "Non Differentiable WRTs")
}
