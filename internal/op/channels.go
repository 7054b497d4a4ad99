package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// channelsLast and channelsFirst change the order of an image's dimensions.
type (
	channelsLast  struct{ n, c, pixels int }
	channelsFirst struct{ n, c, pixels int }
)

// ChannelsLast maps x [N C H W], as callers have it, to [N H W C].
func ChannelsLast(x *G.Node) (*G.Node, error) {
	if err := checkRank("channelsLast", x, 4); err != nil {
		return nil, err
	}
	s := x.Shape()
	return apply(channelsLast{s[0], s[1], s[2] * s[3]}, tensor.Shape{s[0], s[2], s[3], s[1]}, x)
}

// ChannelsFirst maps x [N H W C] to [N C H W], as callers want it.
func ChannelsFirst(x *G.Node) (*G.Node, error) {
	if err := checkRank("channelsFirst", x, 4); err != nil {
		return nil, err
	}
	s := x.Shape()
	return apply(channelsFirst{s[0], s[3], s[1] * s[2]}, tensor.Shape{s[0], s[3], s[1], s[2]}, x)
}

func (k channelsLast) String() string {
	return fmt.Sprintf("channelsLast %v", [3]int{k.n, k.c, k.pixels})
}
func (k channelsFirst) String() string {
	return fmt.Sprintf("channelsFirst %v", [3]int{k.n, k.c, k.pixels})
}
func (k channelsLast) Work() int   { return 0 }
func (k channelsLast) Cost() Cost  { return moving }
func (k channelsFirst) Work() int  { return 0 }
func (k channelsFirst) Cost() Cost { return moving }

func (k channelsLast) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := ChannelsFirst(d)
	return []*G.Node{dx}, err
}

func (k channelsFirst) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := ChannelsLast(d)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k channelsLast) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Transpose(t, out, in[0], k.n, k.c, k.pixels)
}

func (k channelsLast) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.ToChannelsLast(out, in[0].Data, k.n, k.c, k.pixels)}
}

// Launches implements Launcher.
func (k channelsFirst) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Transpose(t, out, in[0], k.n, k.pixels, k.c)
}

func (k channelsFirst) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.ToChannelsFirst(out, in[0].Data, k.n, k.c, k.pixels)}
}
