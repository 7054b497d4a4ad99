package op_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/op"
	"sdgo/internal/op/optest"
)

// gradientTolerance is relative to the largest derivative: the derivatives are float32,
// and central differences with a step of 1e-5 in float64 are good to about 1e-9.
const gradientTolerance = 2e-6

// Every operation's derivative is that of its float64 reference by central differences,
// on our machine and, with the same bytes, on gorgonia's.
func TestGradients(t *testing.T) {
	for _, c := range optest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			in := nodes(c.Shapes...)
			out, err := c.Make(in)
			require.NoError(t, err)
			factor := G.NewTensor(in[0].Graph(), tensor.Float32, out.Dims(), G.WithShape(out.Shape()...), G.WithName("factor"))
			product, err := op.Multiply(out, factor)
			require.NoError(t, err)
			loss := G.Must(G.Sum(product))
			var wrt G.Nodes
			var values [][]float32
			for i, n := range in {
				x, fixed := c.Fixed[i]
				if !fixed {
					x = optest.Randoms(n.Shape().TotalSize())
					wrt = append(wrt, n)
				}
				values = append(values, x)
				require.NoError(t, G.Let(n, engine.Tensor(x, n.Shape()...)))
			}
			r := optest.Randoms(out.Shape().TotalSize())
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
			if c.Name != winograd || !testing.Short() { // its reference takes a second
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
func checkDifferences(t *testing.T, c optest.Case, in []*G.Node, wrt G.Nodes, values [][]float32, factor []float32, got [][]float32) {
	const places = 24
	step := 1e-5
	reference := c.Reference
	if reference == nil { // linear
		step = 0.5
		reference = func(x [][]float64) []float64 { return operation(t, c, in, x) }
	}
	wide := make([][]float64, len(values))
	for i, v := range values {
		wide[i] = optest.Float64s(v)
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
func operation(t *testing.T, c optest.Case, in []*G.Node, x [][]float64) []float64 {
	g := nodes(c.Shapes...)
	out, err := c.Make(g)
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
	return optest.Float64s(y)
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
