package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// scaleChannels multiplies each channel by a number of its own, and adds another.
type scaleChannels struct {
	pixels, c int
	shifted   bool
	limit     float32 // that scales are clamped to on a device, or 0
}

// ScaleChannels multiplies every pixel of x [... C] by scale [C].
func ScaleChannels(x, scale *G.Node) (*G.Node, error) { return ScaleShift(x, scale, nil) }

// ScaleShift multiplies every pixel of x [... C] by scale [C] and adds shift [C] (or nil).
func ScaleShift(x, scale, shift *G.Node) (*G.Node, error) {
	s := x.Shape()
	c := s[len(s)-1]
	k := scaleChannels{pixels: s.TotalSize() / c, c: c, shifted: shift != nil}
	if err := checkShape("scaleChannels", "scale", scale, c); err != nil {
		return nil, err
	}
	children := []*G.Node{x, scale}
	if shift != nil {
		if err := checkShape("scaleChannels", "shift", shift, c); err != nil {
			return nil, err
		}
		children = append(children, shift)
	}
	return apply(k, s.Clone(), children...)
}

func (k scaleChannels) String() string {
	shift := ""
	if k.shifted {
		shift = "+shift"
	}
	return fmt.Sprintf("scaleChannels %d×%d%s", k.pixels, k.c, shift)
}
func (k scaleChannels) Work() int          { return 0 }
func (k scaleChannels) Cost() Cost         { return elementwise }
func (k scaleChannels) InPlace(i int) bool { return i == 0 }

func (k scaleChannels) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	dx := g.do(func() (*G.Node, error) { return ScaleChannels(d, in[1]) })
	out := []*G.Node{dx, g.SumRows(g.Multiply(d, in[0]))}
	if k.shifted {
		out = append(out, g.SumRows(d))
	}
	return out, g.err
}

// FuseInput clamps the scales while they are read on a device: they are float32s there if
// they are weights, and what is computed is none.
func (k scaleChannels) FuseInput(t Target, prev Operation, arg int) (Operation, bool) {
	clamp, ok := prev.(softClamp)
	if _, onDevice := t.(Device); !ok || !onDevice || arg != 1 || k.limit != 0 {
		return nil, false
	}
	k.limit = clamp.limit
	return k, true
}

// Floats implements Floater.
func (k scaleChannels) Floats(i int) bool { return i > 0 }

// Launches implements Launcher.
func (k scaleChannels) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	var shift device.Ptr
	if k.shifted {
		shift = in[2]
	}
	return device.ScaleChannels(t, out, in[0], in[1], shift, k.pixels, k.c, k.limit)
}

func (k scaleChannels) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	var shift []float32
	if k.shifted {
		shift = in[2].Data
	}
	return []kernel.Phase{kernel.ScaleChannels(out, in[0].Data, in[1].Data, shift, k.pixels, k.c)}
}
