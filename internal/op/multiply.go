package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// multiply is the product of two tensors of one shape, element by element.
type multiply struct{ n int }

// Multiply returns a·b, which have the same shape.
func Multiply(a, b *G.Node) (*G.Node, error) {
	if err := checkShape("multiply", "b", b, a.Shape()...); err != nil {
		return nil, err
	}
	return apply(multiply{a.Shape().TotalSize()}, a.Shape().Clone(), a, b)
}

func (k multiply) String() string     { return fmt.Sprintf("multiply %d", k.n) }
func (k multiply) Work() int          { return 0 }
func (k multiply) Cost() Cost         { return elementwise }
func (k multiply) InPlace(i int) bool { return true }

func (k multiply) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	return []*G.Node{g.Multiply(d, in[1]), g.Multiply(d, in[0])}, g.err
}

func (k multiply) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Multiply(out, in[0].Data, in[1].Data)}
}
