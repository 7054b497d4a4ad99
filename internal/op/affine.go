package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// affine is scale·x + shift, element by element.
type affine struct {
	n            int
	scale, shift float32
}

// Affine returns scale·x + shift.
func Affine(x *G.Node, scale, shift float32) (*G.Node, error) {
	s := x.Shape()
	return apply(affine{s.TotalSize(), scale, shift}, s.Clone(), x)
}

func (k affine) String() string     { return fmt.Sprintf("affine %v·x%+v %d", k.scale, k.shift, k.n) }
func (k affine) Work() int          { return 0 }
func (k affine) Cost() Cost         { return elementwise }
func (k affine) InPlace(i int) bool { return true }

func (k affine) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Affine(d, k.scale, 0)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k affine) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Affine(t, out, in[0], k.n, k.scale, k.shift)
}

func (k affine) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Affine(out, in[0].Data, k.scale, k.shift)}
}
