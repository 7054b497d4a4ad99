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
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// gradientTolerance is relative to the largest derivative: the derivatives are float32,
// and central differences with a step of 1e-5 in float64 are good to about 1e-9.
const gradientTolerance = 2e-6

// gradientCase is an operation with its float64 reference.
type gradientCase struct {
	name   string
	shapes [][]int
	fixed  map[int][]float32 // inputs without a derivative
	make   func(in []*G.Node) (*G.Node, error)

	// reference computes the output. Nil stands for the operation itself, which must
	// be linear then.
	reference func(in [][]float64) []float64
}

func gradientCases() []gradientCase {
	one := func(f func(x *G.Node) (*G.Node, error)) func([]*G.Node) (*G.Node, error) {
		return func(in []*G.Node) (*G.Node, error) { return f(in[0]) }
	}
	cases := []gradientCase{
		{"linear", [][]int{{2, 3, 5}, {4, 5}, {4}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], in[2]) }, refLinear(5, 4)},
		{"linear without bias", [][]int{{7, 33}, {35, 33}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], nil) }, refLinear(33, 35)},
		{"attention", [][]int{{2, 3, 8}, {2, 19, 8}, {2, 19, 8}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Attention(in[0], in[1], in[2], 2, false, false) }, refAttention(2, 3, 19, 2, 4, false)},
		{"causal attention", [][]int{{1, 18, 6}, {1, 18, 6}, {1, 18, 6}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Attention(in[0], in[1], in[2], 2, true, false) }, refAttention(1, 18, 18, 2, 3, true)},
		{"group norm", [][]int{{2, 3, 2, 6}, {6}, {6}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.GroupNorm(in[0], in[1], in[2], 3, 1e-5) }, refNorm(kernel.NormShape{N: 2, Pixels: 6, C: 6, Groups: 3})},
		{"layer norm", [][]int{{2, 3, 5}, {5}, {5}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.LayerNorm(in[0], in[1], in[2], 1e-5) }, refNorm(kernel.NormShape{N: 6, Pixels: 1, C: 5, Groups: 1})},
		{"geglu", [][]int{{3, 10}}, nil, one(op.GEGLU), refGEGLU(3, 5)},
		{"timesteps", [][]int{{3}}, nil,
			one(func(x *G.Node) (*G.Node, error) { return op.Timesteps(x, 9, true, 1) }), refTimesteps(9)},
		{"add", [][]int{{2, 3}, {2, 3}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Add(in[0], in[1]) }, nil},
		{"add to itself", [][]int{{2, 3}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Add(in[0], in[0]) }, nil},
		{"add per channel", [][]int{{2, 3, 2, 5}, {2, 5}}, nil, func(in []*G.Node) (*G.Node, error) { return op.AddPerChannel(in[0], in[1]) }, nil},
		{"concat", [][]int{{2, 3}, {2, 5}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Concat(in[0], in[1]) }, nil},
		{"reshape", [][]int{{2, 6}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Reshape(x, 3, 4) }), nil},
		{"upsample", [][]int{{2, 2, 3, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Upsample(x, 5, 6) }), nil},
		{"channels last", [][]int{{2, 3, 2, 2}}, nil, one(op.ChannelsLast), nil},
		{"channels first", [][]int{{2, 3, 2, 2}}, nil, one(op.ChannelsFirst), nil},
		{"embed", [][]int{{2, 3}, {7, 4}, {5, 4}}, map[int][]float32{0: {6, 0, 2, 2, 1, 6}},
			func(in []*G.Node) (*G.Node, error) { return op.Embed(in[0], in[1], in[2]) }, nil},
		{"gather", [][]int{{2, 3, 4}, {2}}, map[int][]float32{1: {2, 0}},
			func(in []*G.Node) (*G.Node, error) { return op.Gather(in[0], in[1]) }, nil},
		{"merge and unmerge tokens", [][]int{{2, 16, 3}, {2, 16, 3}, {2}}, map[int][]float32{1: randoms(96), 2: {7, 500}}, mergeBoth, nil},
		{"permute", [][]int{{2, 3, 4, 5}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Permute(x, 2, 0, 3, 1) }), nil},
		{"reverse", [][]int{{2, 6}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Reverse(x, 3) }), nil},
		{"slice", [][]int{{2, 5, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Slice(x, 1, 1, 3) }), nil},
		{"pad", [][]int{{2, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Pad(x, 0, 2, 7) }), nil},
		{"dilate", [][]int{{2, 3, 2, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Dilate(x, 3) }), nil},
		{"sum pixels", [][]int{{2, 3, 2, 70}}, nil, one(op.SumPixels), nil},
		{"unpack", [][]int{{5, 4}}, nil, one(op.Unpack), nil},
		{"multiply", [][]int{{2, 3}, {2, 3}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Multiply(in[0], in[1]) },
			func(in [][]float64) []float64 {
				out := make([]float64, len(in[0]))
				for i, v := range in[0] {
					out[i] = v * in[1][i]
				}
				return out
			}},
		{"scale channels", [][]int{{2, 3, 4}, {4}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.ScaleChannels(in[0], in[1]) },
			func(in [][]float64) []float64 {
				out := make([]float64, len(in[0]))
				for i, v := range in[0] {
					out[i] = v * in[1][i%4]
				}
				return out
			}},
	}
	// The adjoints of linear operations are linear, too, and have derivatives of their
	// own. Input 0 is the derivative d by the output here.
	for _, c := range []struct {
		name   string
		d, x   []int
		linear func(x *G.Node) (*G.Node, error)
	}{
		{"dilate", []int{2, 3, 3, 3}, []int{2, 2, 2, 3}, func(x *G.Node) (*G.Node, error) { return op.Dilate(x, 2) }},
		{"sum pixels", []int{2, 5}, []int{2, 3, 5}, op.SumPixels},
		{"upsample", []int{1, 5, 4, 2}, []int{1, 2, 3, 2}, func(x *G.Node) (*G.Node, error) { return op.Upsample(x, 5, 4) }},
		{"permute", []int{4, 2, 3}, []int{2, 3, 4}, func(x *G.Node) (*G.Node, error) { return op.Permute(x, 2, 0, 1) }},
	} {
		cases = append(cases, gradientCase{"adjoint of " + c.name, [][]int{c.d}, nil, adjoint(c.linear, c.x), nil})
	}
	// The derivative by a convolution's weight goes through patches of x.
	cases = append(cases, gradientCase{"derivative by a filter", [][]int{{2, 5, 4, 3}}, nil,
		func(in []*G.Node) (*G.Node, error) {
			weight, d := extra(in[0], "weight", 2, 3, 3, 3), extra(in[0], "d", 2, 3, 2, 2)
			y, err := op.Conv2D(in[0], weight, nil, 2, op.Same(1))
			if err != nil {
				return nil, err
			}
			all, err := y.Op().(G.SDOp).SymDiff(G.Nodes{in[0], weight}, y, d)
			return all[1], err
		}, nil})
	for act, f := range map[kernel.Activation]func(x float64) float64{
		kernel.SiLU: silu64, kernel.GELU: gelu64, kernel.QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	} {
		cases = append(cases, gradientCase{fmt.Sprint("activation ", act), [][]int{{3, 7}}, nil,
			one(func(x *G.Node) (*G.Node, error) { return op.Activate(x, act) }),
			func(in [][]float64) []float64 {
				out := make([]float64, len(in[0]))
				for i, v := range in[0] {
					out[i] = f(v)
				}
				return out
			}})
	}
	for _, c := range []struct {
		h, w, in, out, k, stride int
		pad                      op.Padding
	}{
		{5, 6, 3, 4, 3, 1, op.Same(1)}, {4, 5, 5, 2, 1, 1, op.Padding{}}, {6, 7, 3, 4, 3, 2, op.Same(1)},
		{6, 6, 3, 4, 3, 2, op.Padding{Bottom: 1, Right: 1}}, {5, 6, 128, 128, 3, 1, op.Same(1)},
		{8, 8, 4, 3, 8, 8, op.Padding{}}, // patches, as of an image encoder
	} {
		shapes := [][]int{{2, c.h, c.w, c.in}, {c.out, c.in, c.k, c.k}, {c.out}}
		cases = append(cases, gradientCase{fmt.Sprintf("conv2d %v", c), shapes, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Conv2D(in[0], in[1], in[2], c.stride, c.pad) },
			refConv(c.h, c.w, c.in, c.out, c.k, c.stride, c.pad)})
	}
	return cases
}

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

// mergeBoth merges the tokens of input 0 as those of input 1 are matched, and puts them
// back.
func mergeBoth(in []*G.Node) (*G.Node, error) {
	match, err := op.MatchTokens(in[1], in[2], 4, 4, 9, 3)
	if err != nil {
		return nil, err
	}
	kept, err := match.Merge(in[0])
	if err != nil {
		return nil, err
	}
	return match.Unmerge(kept)
}

// Every operation's derivative is that of its float64 reference by central differences,
// on our machine and, with the same bytes, on gorgonia's.
func TestGradients(t *testing.T) {
	for _, c := range gradientCases() {
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
			checkDifferences(t, c, in, wrt, values, r, got)

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
func checkDifferences(t *testing.T, c gradientCase, in []*G.Node, wrt G.Nodes, values [][]float32, factor []float32, got [][]float32) {
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
func operation(t *testing.T, c gradientCase, in []*G.Node, x [][]float64) []float64 {
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
