package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// add is the sum of two tensors of one shape.
type add struct{ n int }

// Add returns a + b, which have the same shape.
func Add(a, b *G.Node) (*G.Node, error) {
	if err := checkShape("add", "b", b, a.Shape()...); err != nil {
		return nil, err
	}
	return apply(add{a.Shape().TotalSize()}, a.Shape().Clone(), a, b)
}

func (k add) String() string     { return fmt.Sprintf("add %d", k.n) }
func (k add) Work() int          { return 0 }
func (k add) Cost() Cost         { return elementwise }
func (k add) InPlace(i int) bool { return true }

func (k add) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) { return []*G.Node{d, d}, nil }

// Launches implements Launcher.
func (k add) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Add(t, out, in[0], in[1], k.n)
}

func (k add) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Add(out, in[0].Data, in[1].Data)}
}
