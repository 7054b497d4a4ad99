package optest

import (
	"fmt"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
)

// Values returns normal numbers for all inputs, with a NaN in one of them, and the same
// in float64.
func (c Case) Values(bad int) (narrow [][]float32, wide [][]float64) {
	for i, shape := range c.Shapes {
		x, fixed := c.Fixed[i]
		if !fixed {
			x = Randoms(tensor.Shape(shape).TotalSize())
		}
		if i == bad {
			x[len(x)/2] = float32(math.NaN())
		}
		narrow, wide = append(narrow, x), append(wide, Float64s(x))
	}
	return narrow, wide
}

// Float64s widens numbers.
func Float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// Randoms returns n normal numbers, the same in every call.
func Randoms(n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// extra adds a node with values of its own to the graph of another.
func extra(n *G.Node, name string, shape ...int) *G.Node {
	return G.NewTensor(n.Graph(), tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name),
		G.WithValue(engine.Tensor(Randoms(tensor.Shape(shape).TotalSize()), shape...)))
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
