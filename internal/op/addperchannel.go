package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

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
