package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// averagePool halves an image.
type averagePool struct{ n, h, w, c int }

// AveragePool halves x [N H W C] to [N ⌈H/2⌉ ⌈W/2⌉ C]: each pixel is the mean of two by
// two, or at the border of an odd size of those that there are. It is torch's AvgPool2d of
// size and stride 2 with ceil_mode.
func AveragePool(x *G.Node) (*G.Node, error) {
	if err := checkRank("averagePool", x, 4); err != nil {
		return nil, err
	}
	s := x.Shape()
	return apply(averagePool{s[0], s[1], s[2], s[3]}, tensor.Shape{s[0], (s[1] + 1) / 2, (s[2] + 1) / 2, s[3]}, x)
}

func (k averagePool) String() string {
	return fmt.Sprintf("averagePool %d×%d×%d×%d", k.n, k.h, k.w, k.c)
}
func (k averagePool) Work() int  { return 0 }
func (k averagePool) Cost() Cost { return moving }

func (k averagePool) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(averagePoolDerivative(k), in[0].Shape().Clone(), d)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k averagePool) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Average(t, out, in[0], k.n, k.h, k.w, k.c, (k.h+1)/2, (k.w+1)/2)
}

func (k averagePool) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.AveragePool(out, in[0].Data, k.n, k.h, k.w, k.c)}
}

// averagePoolDerivative is the derivative of averagePool by x, for the input d.
type averagePoolDerivative averagePool

func (k averagePoolDerivative) String() string { return "derivative of " + averagePool(k).String() }
func (k averagePoolDerivative) Work() int      { return 0 }
func (k averagePoolDerivative) Cost() Cost     { return moving }

func (k averagePoolDerivative) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := AveragePool(d)
	return []*G.Node{dx}, err
}

func (k averagePoolDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.AveragePoolDerivative(out, in[0].Data, k.n, k.h, k.w, k.c)}
}
