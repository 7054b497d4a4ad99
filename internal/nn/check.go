package nn

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Floats returns the numbers of a float32 tensor whose shape is want, where -1
// stands for any size of 1 or more.
func Floats(what string, t *tensor.Dense, want ...int) ([]float32, error) {
	if t == nil {
		return nil, fmt.Errorf("%s: have none, want a tensor %v", what, want)
	}
	if shape := t.Shape(); !fits(shape, want) {
		return nil, fmt.Errorf("%s: have shape %v, want %v", what, []int(shape), want)
	}
	if t.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("%s: have a tensor of %v, want float32", what, t.Dtype())
	}
	if !t.DataOrder().IsContiguous() || t.DataOrder().IsColMajor() || t.RequiresIterator() {
		return nil, fmt.Errorf("%s: have a tensor that is not contiguous in row-major order", what)
	}
	return t.Float32s(), nil
}

// CheckNode wants a float32 node of graph g whose shape is want, where -1 stands for
// any size of 1 or more.
func CheckNode(g *G.ExprGraph, what string, n *G.Node, want ...int) error {
	if g == nil {
		return fmt.Errorf("%s: have no graph to add to", what)
	}
	if n == nil {
		return fmt.Errorf("%s: have no node, want one of shape %v", what, want)
	}
	if t, ok := n.Type().(G.TensorType); !ok || t.Of != tensor.Float32 {
		return fmt.Errorf("%s: have a node of type %v, want a tensor of float32", what, n.Type())
	}
	if n.Graph() != g {
		return fmt.Errorf("%s: have a node of another graph", what)
	}
	shape := n.Shape()
	if !fits(shape, want) {
		return fmt.Errorf("%s: have a node of shape %v, want %v", what, []int(shape), want)
	}
	return CheckSize(what, shape...)
}

// fits says whether a shape is want, where -1 stands for any size of 1 or more.
func fits(shape tensor.Shape, want []int) bool {
	ok := len(shape) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = shape[i] == want[i] || want[i] == -1 && shape[i] > 0
	}
	return ok
}

// maxElements bounds a tensor that a caller asks for, so that sizes do not
// overflow.
const maxElements = 1 << 40

// CheckSize returns an error if a tensor of the shape would be empty or absurdly
// large.
func CheckSize(what string, shape ...int) error {
	total := 1.0
	for _, n := range shape {
		if n < 1 {
			return fmt.Errorf("%s: have shape %v, want sizes of 1 or more", what, shape)
		}
		total *= float64(n)
	}
	if total > maxElements || math.IsNaN(total) {
		return fmt.Errorf("%s: shape %v is too large", what, shape)
	}
	return nil
}

// Tensor returns a new float32 tensor of zeros.
func Tensor(shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(make([]float32, tensor.Shape(shape).TotalSize())))
}
