package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// activation applies a function to every element.
type activation struct {
	n   int
	act kernel.Activation
}

// Activate applies act to every element of x.
func Activate(x *G.Node, act kernel.Activation) (*G.Node, error) {
	shape := x.Shape()
	return apply(activation{shape.TotalSize(), act}, shape.Clone(), x)
}

func (k activation) String() string     { return fmt.Sprintf("activation %v %d", k.act, k.n) }
func (k activation) Work() int          { return 0 }
func (k activation) Cost() Cost         { return elementwise }
func (k activation) InPlace(i int) bool { return true }

func (k activation) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(activationDerivative(k), in[0].Shape().Clone(), in[0], d)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k activation) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Activate(t, out, in[0], k.n, device.Activation(k.act))
}

func (k activation) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Apply(out, in[0].Data, k.act)}
}

// activationDerivative is d·act'(x), for inputs x and d.
type activationDerivative activation

func (k activationDerivative) String() string     { return "derivative of " + activation(k).String() }
func (k activationDerivative) Work() int          { return 0 }
func (k activationDerivative) Cost() Cost         { return elementwise }
func (k activationDerivative) InPlace(i int) bool { return true }

func (k activationDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.ApplyDerivative(out, in[0].Data, in[1].Data, k.act)}
}
