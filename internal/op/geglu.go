package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

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
