package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// upsample enlarges an image by nearest neighbour.
type upsample struct{ n, h, w, c, outH, outW int }

// Upsample enlarges x [N H W C] to [N h w C] by nearest neighbour.
func Upsample(x *G.Node, h, w int) (*G.Node, error) {
	if err := checkRank("upsample", x, 4); err != nil {
		return nil, err
	}
	s := x.Shape()
	return apply(upsample{s[0], s[1], s[2], s[3], h, w}, tensor.Shape{s[0], h, w, s[3]}, x)
}

func (k upsample) String() string {
	return fmt.Sprintf("upsample %d×%d×%d×%d→%d×%d", k.n, k.h, k.w, k.c, k.outH, k.outW)
}
func (k upsample) Work() int  { return 0 }
func (k upsample) Cost() Cost { return moving }

func (k upsample) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(upsampleDerivative(k), in[0].Shape().Clone(), d)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k upsample) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Upsample(t, out, in[0], k.n, k.h, k.w, k.c, k.outH, k.outW)
}

func (k upsample) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Upsample(out, in[0].Data, k.n, k.h, k.w, k.c, k.outH, k.outW)}
}

// upsampleDerivative is the derivative of upsample by x, for the input d.
type upsampleDerivative upsample

func (k upsampleDerivative) String() string { return "derivative of " + upsample(k).String() }
func (k upsampleDerivative) Work() int      { return 0 }
func (k upsampleDerivative) Cost() Cost     { return moving }

func (k upsampleDerivative) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Upsample(d, k.outH, k.outW)
	return []*G.Node{dx}, err
}

func (k upsampleDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.UpsampleDerivative(out, in[0].Data, k.n, k.h, k.w, k.c, k.outH, k.outW)}
}
