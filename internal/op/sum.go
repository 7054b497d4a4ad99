package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// sumPixels adds up the pixels of each sample, and repeatPixels gives each the same.
type (
	sumPixels struct {
		n, pixels, c int
		factor       float32 // on a device, of the sums
	}
	repeatPixels struct{ n, pixels, c int }
)

// SumPixels maps x [N ... C] to [N C].
func SumPixels(x *G.Node) (*G.Node, error) {
	s := x.Shape()
	if len(s) < 2 {
		return nil, fmt.Errorf("op: sum: have x %v, want [N ... C]", []int(s))
	}
	n, c := s[0], s[len(s)-1]
	return apply(sumPixels{n, s.TotalSize() / n / c, c, 1}, tensor.Shape{n, c}, x)
}

// RepeatPixels maps x [N C] to a tensor of the shape [N ... C] whose pixels are all the same.
func RepeatPixels(x *G.Node, shape ...int) (*G.Node, error) {
	if len(shape) < 2 {
		return nil, fmt.Errorf("op: repeat: have shape %v, want [N ... C]", shape)
	}
	n, c := shape[0], shape[len(shape)-1]
	if err := checkShape("repeat", "x", x, n, c); err != nil {
		return nil, err
	}
	s := tensor.Shape(shape).Clone()
	return apply(repeatPixels{n, s.TotalSize() / n / c, c}, s, x)
}

func (k sumPixels) String() string    { return fmt.Sprintf("sum %d×%d×%d", k.n, k.pixels, k.c) }
func (k repeatPixels) String() string { return fmt.Sprintf("repeat %d×%d×%d", k.n, k.pixels, k.c) }
func (k sumPixels) Work() int         { return 0 }
func (k sumPixels) Cost() Cost        { return moving }
func (k repeatPixels) Work() int      { return 0 }
func (k repeatPixels) Cost() Cost     { return moving }

func (k sumPixels) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(repeatPixels{k.n, k.pixels, k.c}, in[0].Shape().Clone(), d)
	return []*G.Node{dx}, err
}

func (k repeatPixels) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := SumPixels(d)
	return []*G.Node{dx}, err
}

// Fuse takes a factor into the sums on a device, where they may be larger than a number can
// be: their mean is not.
func (k sumPixels) Fuse(t Target, next Operation, _ int) (Operation, bool) {
	a, ok := next.(affine)
	if _, onDevice := t.(Device); !ok || !onDevice || a.shift != 0 {
		return nil, false
	}
	k.factor *= a.scale
	return k, true
}

// Launches implements Launcher.
func (k sumPixels) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.SumPixels(t, out, in[0], k.n, k.pixels, k.c, k.factor)
}

func (k sumPixels) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.SumPixels(out, in[0].Data, k.n, k.pixels, k.c)}
}

// Launches implements Launcher.
func (k repeatPixels) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.RepeatPixels(t, out, in[0], k.n, k.pixels, k.c)
}

func (k repeatPixels) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.RepeatPixels(out, in[0].Data, k.n, k.pixels, k.c)}
}
