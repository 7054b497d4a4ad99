package op

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// permute puts dimensions into another order.
type permute struct{ shape, axes []int }

// Permute returns x with its dimensions in another order: dimension i of the result is
// dimension axes[i] of x.
func Permute(x *G.Node, axes ...int) (*G.Node, error) {
	shape := x.Shape()
	seen := make([]bool, len(shape))
	out := make(tensor.Shape, 0, len(shape))
	for _, a := range axes {
		if a < 0 || a >= len(shape) || seen[a] {
			break
		}
		seen[a] = true
		out = append(out, shape[a])
	}
	if len(axes) != len(shape) || slices.Contains(seen, false) {
		return nil, fmt.Errorf("op: permute: have axes %v, want each of the %d of x %v once", axes, len(shape), []int(shape))
	}
	return apply(permute{shape.Clone(), slices.Clone(axes)}, out, x)
}

func (k permute) String() string { return fmt.Sprintf("permute %v %v", k.shape, k.axes) }
func (k permute) Work() int      { return 0 }
func (k permute) Cost() Cost     { return moving }

func (k permute) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	back := make([]int, len(k.axes))
	for i, a := range k.axes {
		back[a] = i
	}
	dx, err := Permute(d, back...)
	return []*G.Node{dx}, err
}

func (k permute) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Permute(out, in[0].Data, k.shape, k.axes)}
}

// reverse turns rows around.
type reverse struct{ rows, n int }

// Reverse turns each n numbers of x around: the taps of a convolution's weight [... KH
// KW], with n = KH·KW.
func Reverse(x *G.Node, n int) (*G.Node, error) {
	size := x.Shape().TotalSize()
	if n < 1 || size%n != 0 {
		return nil, fmt.Errorf("op: reverse: have x %v, want whole rows of %d", []int(x.Shape()), n)
	}
	return apply(reverse{size / n, n}, x.Shape().Clone(), x)
}

func (k reverse) String() string { return fmt.Sprintf("reverse %d×%d", k.rows, k.n) }
func (k reverse) Work() int      { return 0 }
func (k reverse) Cost() Cost     { return moving }

func (k reverse) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Reverse(d, k.n)
	return []*G.Node{dx}, err
}

func (k reverse) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Reverse(out, in[0].Data, k.rows, k.n)}
}
