package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// softClamp keeps every element within a limit: limit·tanh(x/limit).
type softClamp struct {
	n     int
	limit float32
}

// SoftClamp returns limit·tanh(x/limit), which is near x for small x.
func SoftClamp(x *G.Node, limit float32) (*G.Node, error) {
	if !(limit > 0) {
		return nil, fmt.Errorf("op: softClamp: have a limit of %v, want a positive number", limit)
	}
	s := x.Shape()
	return apply(softClamp{s.TotalSize(), limit}, s.Clone(), x)
}

func (k softClamp) String() string     { return fmt.Sprintf("softClamp ±%v %d", k.limit, k.n) }
func (k softClamp) Work() int          { return 0 }
func (k softClamp) Cost() Cost         { return elementwise }
func (k softClamp) InPlace(i int) bool { return true }

func (k softClamp) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(softClampDerivative(k), in[0].Shape().Clone(), in[0], d)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k softClamp) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.SoftClamp(t, out, in[0], k.n, k.limit)
}

func (k softClamp) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.SoftClamp(out, in[0].Data, k.limit)}
}

// softClampDerivative is d·(1 - tanh²(x/limit)), for inputs x and d.
type softClampDerivative softClamp

func (k softClampDerivative) String() string     { return "derivative of " + softClamp(k).String() }
func (k softClampDerivative) Work() int          { return 0 }
func (k softClampDerivative) Cost() Cost         { return elementwise }
func (k softClampDerivative) InPlace(i int) bool { return true }

func (k softClampDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.SoftClampDerivative(out, in[0].Data, in[1].Data, k.limit)}
}
