package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// scaleFirst multiplies the first channels by a number.
type scaleFirst struct {
	rows, c, n int
	factor     float32
}

// ScaleFirst multiplies the first n channels of x [... C] by a factor.
func ScaleFirst(x *G.Node, n int, factor float32) (*G.Node, error) {
	s := x.Shape()
	c := s[len(s)-1]
	if n < 0 || n > c {
		return nil, fmt.Errorf("op: scaleFirst: have x %v and %d channels to scale, want 0 to %d", []int(s), n, c)
	}
	return apply(scaleFirst{s.TotalSize() / c, c, n, factor}, s.Clone(), x)
}

func (k scaleFirst) String() string {
	return fmt.Sprintf("scale first %d of %d×%d by %v", k.n, k.rows, k.c, k.factor)
}
func (k scaleFirst) Work() int          { return 0 }
func (k scaleFirst) Cost() Cost         { return elementwise }
func (k scaleFirst) InPlace(i int) bool { return true }

func (k scaleFirst) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := ScaleFirst(d, k.n, k.factor)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k scaleFirst) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.ScaleFirst(t, out, in[0], k.rows, k.c, k.n, k.factor)
}

func (k scaleFirst) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.ScaleFirst(out, in[0].Data, k.rows, k.c, k.n, k.factor)}
}
