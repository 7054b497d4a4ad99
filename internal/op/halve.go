package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// halve reduces an image to half its size by the mean of four pixels.
type halve struct{ n, h, w, c int }

// Halve maps x [N H W C] to [N H/2 W/2 C], the mean of two by two pixels. A last row or
// column of an odd size is left out.
func Halve(x *G.Node) (*G.Node, error) {
	if err := checkRank("halve", x, 4); err != nil {
		return nil, err
	}
	s := x.Shape()
	if s[1] < 2 || s[2] < 2 {
		return nil, fmt.Errorf("op: halve: have x %v, want 2×2 pixels or more", []int(s))
	}
	return apply(halve{s[0], s[1], s[2], s[3]}, tensor.Shape{s[0], s[1] / 2, s[2] / 2, s[3]}, x)
}

func (k halve) String() string { return fmt.Sprintf("halve %d×%d×%d×%d", k.n, k.h, k.w, k.c) }
func (k halve) Work() int      { return 0 }
func (k halve) Cost() Cost     { return moving }

func (k halve) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	dx := g.do(func() (*G.Node, error) { return Upsample(d, k.h/2*2, k.w/2*2) })
	dx = g.do(func() (*G.Node, error) { return Affine(dx, 0.25, 0) })
	if k.h%2 == 1 {
		dx = g.Pad(dx, 1, 0, k.h)
	}
	if k.w%2 == 1 {
		dx = g.Pad(dx, 2, 0, k.w)
	}
	return []*G.Node{dx}, g.err
}

// Launches implements Launcher.
func (k halve) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Average(t, out, in[0], k.n, k.h, k.w, k.c, k.h/2, k.w/2)
}

func (k halve) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Halve(out, in[0].Data, k.n, k.h, k.w, k.c)}
}
