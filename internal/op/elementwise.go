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

// addPerChannel adds one number per sample and channel.
type addPerChannel struct{ n, pixels, c int }

// AddPerChannel adds bias [N C] to every pixel of x [N ... C].
func AddPerChannel(x, bias *G.Node) (*G.Node, error) {
	shape := x.Shape()
	n, c := shape[0], shape[len(shape)-1]
	if err := checkShape("addPerChannel", "bias", bias, n, c); err != nil {
		return nil, err
	}
	return apply(addPerChannel{n, shape.TotalSize() / n / c, c}, shape.Clone(), x, bias)
}

func (k addPerChannel) String() string {
	return fmt.Sprintf("addPerChannel %d×%d×%d", k.n, k.pixels, k.c)
}
func (k addPerChannel) Work() int          { return 0 }
func (k addPerChannel) Cost() Cost         { return elementwise }
func (k addPerChannel) InPlace(i int) bool { return i == 0 }

func (k addPerChannel) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	db, err := SumPixels(d)
	return []*G.Node{d, db}, err
}

// Launches implements Launcher.
func (k addPerChannel) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.AddPerChannel(t, out, in[0], in[1], k.n, k.pixels, k.c)
}

func (k addPerChannel) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.AddPerChannel(out, in[0].Data, in[1].Data, k.n, k.pixels, k.c)}
}

// geglu is the gated activation of Shazeer (2020).
//
// https://arxiv.org/abs/2002.05202
type geglu struct{ rows, inner int }

// GEGLU maps x [... 2D] to [... D]: the first half times the GELU of the second.
func GEGLU(x *G.Node) (*G.Node, error) {
	shape := x.Shape().Clone()
	last := len(shape) - 1
	if shape[last]%2 != 0 {
		return nil, fmt.Errorf("op: geglu: have x %v, want an even last dimension", []int(shape))
	}
	shape[last] /= 2
	return apply(geglu{shape.TotalSize() / shape[last], shape[last]}, shape, x)
}

// panels says whether a matrix product can do it: its halves are whole panels.
func (k geglu) panels() bool { return kernel.Panels(k.inner) }

func (k geglu) String() string { return fmt.Sprintf("geglu %d×%d", k.rows, k.inner) }
func (k geglu) Work() int      { return 0 }
func (k geglu) Cost() Cost     { return elementwise }

func (k geglu) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(gegluDerivative(k), in[0].Shape().Clone(), in[0], d)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k geglu) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.GEGLU(t, out, in[0], k.rows, k.inner)
}

func (k geglu) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.GEGLU(out, in[0].Data, k.rows, k.inner)}
}

// gegluDerivative is the derivative of geglu by x, for inputs x and d.
type gegluDerivative geglu

func (k gegluDerivative) String() string { return "derivative of " + geglu(k).String() }
func (k gegluDerivative) Work() int      { return 0 }
func (k gegluDerivative) Cost() Cost     { return elementwise }

func (k gegluDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.GEGLUDerivative(out, in[0].Data, in[1].Data, k.rows, k.inner)}
}
