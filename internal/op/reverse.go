package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

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

// Launches implements Launcher.
func (k reverse) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Reverse(t, out, in[0], k.rows, k.n)
}

func (k reverse) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Reverse(out, in[0].Data, k.rows, k.n)}
}
