package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// reshape gives the same numbers another shape.
type reshape struct{ n int }

// Reshape returns x under another shape of the same size.
func Reshape(x *G.Node, shape ...int) (*G.Node, error) {
	s := tensor.Shape(shape).Clone()
	if s.TotalSize() != x.Shape().TotalSize() {
		return nil, fmt.Errorf("op: reshape: have x %v, want the size of %v", []int(x.Shape()), []int(s))
	}
	return apply(reshape{s.TotalSize()}, s, x)
}

func (k reshape) String() string { return fmt.Sprintf("reshape %d", k.n) }
func (k reshape) Work() int      { return 0 }
func (k reshape) Cost() Cost     { return moving }
func (k reshape) IsView()        {}

func (k reshape) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Reshape(d, in[0].Shape()...)
	return []*G.Node{dx}, err
}

// Launches implements Launcher: an input or a weight alone is not a view.
func (k reshape) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return []device.Launch{device.Copy(t, out, in[0], k.n)}
}

func (k reshape) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{{Tasks: 1, Run: func(int, []float32) { copy(out, in[0].Data) }}}
}

// concat joins channels.
type concat struct{ rows, a, b int }

// Concat joins a [... A] and b [... B] to [... A+B].
func Concat(a, b *G.Node) (*G.Node, error) {
	as, bs := a.Shape(), b.Shape()
	last := len(as) - 1
	if len(bs) != len(as) || !as[:last].Eq(bs[:last]) {
		return nil, fmt.Errorf("op: concat: have %v and %v, want the same but for the last dimension", []int(as), []int(bs))
	}
	shape := as.Clone()
	shape[last] += bs[last]
	return apply(concat{as.TotalSize() / as[last], as[last], bs[last]}, shape, a, b)
}

func (k concat) String() string { return fmt.Sprintf("concat %d×(%d+%d)", k.rows, k.a, k.b) }
func (k concat) Work() int      { return 0 }
func (k concat) Cost() Cost     { return moving }

func (k concat) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	last := d.Dims() - 1
	return []*G.Node{g.Slice(d, last, 0, k.a), g.Slice(d, last, k.a, k.b)}, g.err
}

// Launches implements Launcher.
func (k concat) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Concat(t, out, in[0], in[1], k.rows, k.a, k.b)
}

func (k concat) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Concat(out, k.rows, in[0].Data, k.a, in[1].Data, k.b)}
}

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
