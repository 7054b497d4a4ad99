package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// modulate scales and shifts the channels of each sample by numbers of its own.
type modulate struct {
	n, pixels, c int
	shifted      bool
}

// Modulate returns x·(1 + scale) + shift for x [N ... C], where by [N 2C] holds scale and
// shift of each sample.
func Modulate(x, by *G.Node) (*G.Node, error) { return modulated(x, by, true) }

func modulated(x, by *G.Node, shifted bool) (*G.Node, error) {
	s := x.Shape()
	if len(s) < 2 {
		return nil, fmt.Errorf("op: modulate: have x %v, want [N ... C]", []int(s))
	}
	n, c := s[0], s[len(s)-1]
	if err := checkShape("modulate", "scale and shift", by, n, 2*c); err != nil {
		return nil, err
	}
	return apply(modulate{n, s.TotalSize() / n / c, c, shifted}, s.Clone(), x, by)
}

func (k modulate) String() string {
	shift := ""
	if k.shifted {
		shift = "+shift"
	}
	return fmt.Sprintf("modulate %d×%d×%d%s", k.n, k.pixels, k.c, shift)
}
func (k modulate) Work() int          { return 0 }
func (k modulate) Cost() Cost         { return elementwise }
func (k modulate) InPlace(i int) bool { return i == 0 }

func (k modulate) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	sum := func(x *G.Node) *G.Node { return g.do(func() (*G.Node, error) { return SumPixels(x) }) }
	dx := g.do(func() (*G.Node, error) { return modulated(d, in[1], false) })
	scale := sum(g.Multiply(d, in[0]))
	if !k.shifted {
		return []*G.Node{dx, g.Pad(scale, 1, 0, 2*k.c)}, g.err
	}
	shift := sum(d)
	by := g.do(func() (*G.Node, error) { return Concat(scale, shift) })
	return []*G.Node{dx, by}, g.err
}

// Launches implements Launcher.
func (k modulate) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Modulate(t, out, in[0], in[1], k.n, k.pixels, k.c, k.shifted)
}

func (k modulate) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Modulate(out, in[0].Data, in[1].Data, k.n, k.pixels, k.c, k.shifted)}
}
