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
