package op

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
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

// OnDevice implements Chooser.
func (k permute) OnDevice(device.Target) bool { return len(k.axes) <= device.PermuteDims }

// Launches implements Launcher.
func (k permute) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	if s := k.shape; slices.Equal(k.axes, []int{0, 2, 1}) {
		return device.Transpose(t, out, in[0], s[0], s[1], s[2])
	}
	return device.Permute(t, out, in[0], k.shape, k.axes)
}

func (k permute) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Permute(out, in[0].Data, k.shape, k.axes)}
}
