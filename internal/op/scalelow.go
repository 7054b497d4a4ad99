package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// scaleLow multiplies the lowest frequencies of images, as FreeU does with skips (Si et
// al. 2024, equations 5 and 6, with a threshold of one as in its code).
//
// https://arxiv.org/abs/2309.11497
type scaleLow struct {
	s      kernel.Images
	factor float64
}

// ScaleLow multiplies the lowest frequencies of x [N H W C] by a factor.
func ScaleLow(x *G.Node, factor float64) (*G.Node, error) {
	if err := checkRank("scaleLow", x, 4); err != nil {
		return nil, err
	}
	if math.IsNaN(factor) || math.IsInf(factor, 0) {
		return nil, fmt.Errorf("op: scaleLow: have factor %v, want a finite number", factor)
	}
	s := x.Shape()
	return apply(scaleLow{kernel.Images{N: s[0], H: s[1], W: s[2], C: s[3]}, factor}, s.Clone(), x)
}

func (k scaleLow) String() string {
	return fmt.Sprintf("scale low frequencies %d×%d×%d×%d by %v", k.s.N, k.s.H, k.s.W, k.s.C, k.factor)
}
func (k scaleLow) Work() int          { return 0 }
func (k scaleLow) Cost() Cost         { return elementwise }
func (k scaleLow) InPlace(i int) bool { return true }

// Derive uses that what a pixel adds to another is what that adds to it.
func (k scaleLow) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := ScaleLow(d, k.factor)
	return []*G.Node{dx}, err
}

// DeviceWork implements DeviceWorker.
func (k scaleLow) DeviceWork(device.Target) int { return device.ScaleLowWork(k.s.N, k.s.C) }

// Launches implements Launcher.
func (k scaleLow) Launches(t device.Target, out device.Ptr, in []device.Ptr, work device.Ptr) []device.Launch {
	return device.ScaleLow(t, out, in[0], work, k.s.N, k.s.H, k.s.W, k.s.C, k.factor)
}

func (k scaleLow) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.ScaleLow(out, in[0].Data, k.s, k.factor)}
}
