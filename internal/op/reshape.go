package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// reshape gives the same numbers another shape.
type reshape struct{ n int }

// Reshape returns x under another shape of the same size.
func Reshape(x *G.Node, shape ...int) (*G.Node, error) {
	s := tensor.Shape(shape).Clone()
	if s.TotalSize() != x.Shape().TotalSize() {
		return nil, fmt.Errorf("op: reshape: have x %v, want the size of %v", []int(x.Shape()), []int(s))
	}
	return apply(reshape{s.TotalSize()}, s, x)
}

func (k reshape) String() string { return fmt.Sprintf("reshape %d", k.n) }
func (k reshape) Work() int      { return 0 }
func (k reshape) Cost() Cost     { return moving }
func (k reshape) IsView()        {}

func (k reshape) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Reshape(d, in[0].Shape()...)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k reshape) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return []device.Launch{device.Copy(t, out, in[0], k.n)}
}

func (k reshape) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Copy(out, in[0].Data)}
}
