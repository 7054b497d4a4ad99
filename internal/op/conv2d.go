package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// Padding is the number of rows and columns around an image: zeros, or the image's other
// side.
type Padding struct {
	Top, Left, Bottom, Right int
	Wrap                     Wrap
}

// Wrap says in which directions an image goes on with its other side.
type Wrap struct{ X, Y bool }

// String is "x", "y", "xy" or empty.
func (w Wrap) String() string {
	s := ""
	if w.X {
		s += "x"
	}
	if w.Y {
		s += "y"
	}
	return s
}

// Same returns a padding of n zeros on all sides.
func Same(n int) Padding { return Padding{Top: n, Left: n, Bottom: n, Right: n} }

// conv2d is a convolution, optionally of an image that is first enlarged.
type conv2d struct {
	s        kernel.ConvShape
	ep       epilogue
	winograd bool // the algorithm, which a target chooses
	factors  Factors
	unpacked bool
	rounding rounding // of a product of each pixel
}

// Conv2D convolves x [N H W in] with weight [out in KH KW] and adds bias [out]
// (or nil), giving [N H' W' out].
func Conv2D(x, weight, bias *G.Node, stride int, pad Padding) (*G.Node, error) {
	return Conv2DWith(x, weight, bias, stride, pad, Exact)
}

// Conv2DWith is Conv2D whose factors may be rounded to bfloat16.
func Conv2DWith(x, weight, bias *G.Node, stride int, pad Padding, factors Factors) (*G.Node, error) {
	if err := checkRank("conv2d", x, 4); err != nil {
		return nil, err
	}
	if err := checkRank("conv2d", weight, 4); err != nil {
		return nil, err
	}
	xs, ws := x.Shape(), weight.Shape()
	s := kernel.ConvShape{
		N: xs[0], H: xs[1], W: xs[2], InC: xs[3], OutC: ws[0], KH: ws[2], KW: ws[3],
		Stride: stride, PadTop: pad.Top, PadLeft: pad.Left, WrapY: pad.Wrap.Y, WrapX: pad.Wrap.X,
	}
	s.OutH = (s.H+pad.Top+pad.Bottom-s.KH)/stride + 1
	s.OutW = (s.W+pad.Left+pad.Right-s.KW)/stride + 1
	if ws[1] != s.InC || s.OutH < 1 || s.OutW < 1 {
		return nil, fmt.Errorf("op: conv2d: have x %v and weight %v, want x [N H W %d] no smaller than the filter", []int(xs), []int(ws), ws[1])
	}
	k := conv2d{s: s, ep: epilogue{rows: s.OutH * s.OutW}, factors: factors}
	children := []*G.Node{x, weight}
	if bias != nil {
		if err := checkShape("conv2d", "bias", bias, s.OutC); err != nil {
			return nil, err
		}
		k.ep.bias = true
		children = append(children, bias)
	}
	return apply(k, tensor.Shape{s.N, s.OutH, s.OutW, s.OutC}, children...)
}

func (k conv2d) String() string {
	name := "conv"
	if k.winograd {
		name = "winograd"
	}
	factors := ""
	if k.rounds() {
		factors = " in bfloat16"
	}
	if wrap := (Wrap{k.s.WrapX, k.s.WrapY}).String(); wrap != "" {
		name += " around " + wrap
	}
	return fmt.Sprintf("%s %d×%d/%d %d×%d×%d×%d→%d×%d×%d%v%v", name, k.s.KH, k.s.KW, k.s.Stride,
		k.s.N, k.s.H, k.s.W, k.s.InC, k.s.OutH, k.s.OutW, k.s.OutC, k.ep, k.rounding) + factors
}
func (k conv2d) Cost() Cost {
	c := Cost{Kind: "conv 1×1", share: 0.85}
	c.FLOPs = 2 * float64(k.s.N*k.s.OutH*k.s.OutW*k.s.OutC) * float64(k.s.KH*k.s.KW*k.s.InC)
	if k.s.KH > 1 {
		c.Kind, c.share = "conv 3×3", 0.8
	}
	switch {
	case k.winograd && k.rounds():
		c.Kind, c.share, c.format = "conv 3×3, Winograd", 4*0.55, kernel.BFloat16
	case k.winograd: // a quarter of the multiplications
		c.Kind, c.share = "conv 3×3, Winograd", 4*0.6
	case k.rounds():
		c.format = kernel.BFloat16
	}
	return c
}

// Lower implements Lowerer.
func (k conv2d) Lower(t Target) Operation {
	k.winograd = t.Winograd(k.s)
	return k
}

func (k conv2d) Work() int {
	return k.packedLen() + k.algorithmWork(k.s)
}

// packedLen is the part of the work that a weight takes that is not packed yet, in
// whole cache lines.
func (k conv2d) packedLen() int {
	if !k.unpacked {
		return 0
	}
	return (kernel.PackedLen(k.s.KH*k.s.KW*k.s.InC, k.s.OutC, kernel.Float32) + 15) / 16 * 16
}

func (k conv2d) Unpacked() Operation {
	k.unpacked = true
	return k
}

func (k conv2d) InPlace(i int) bool { return k.ep.inPlace(i) }

func (k conv2d) Fuse(t Target, next Operation, arg int) (Operation, bool) {
	ep, ok := k.ep.fuse(t, next, arg)
	k.ep = ep
	return k, ok && !ep.gated
}

// FuseInput enlarges the image while it is read, so that it is never stored.
func (k conv2d) FuseInput(_ Target, prev Operation, arg int) (Operation, bool) {
	up, ok := prev.(upsample)
	if !ok || arg != 0 || k.s.UpH != 0 {
		return nil, false
	}
	k.s.H, k.s.W, k.s.UpH, k.s.UpW = up.h, up.w, k.s.H, k.s.W
	return k, true
}

// product is the convolution on a device without its operands.
func (k conv2d) product() device.Product {
	s := k.s
	image := &device.Image{H: s.H, W: s.W, C: s.InC, KW: s.KW, Stride: s.Stride, PadTop: s.PadTop, PadLeft: s.PadLeft,
		OutH: s.OutH, OutW: s.OutW, SrcH: s.H, SrcW: s.W}
	if s.UpH != 0 { // the image that lies in memory is enlarged
		image.H, image.W = s.UpH, s.UpW
	}
	p := device.Product{M: s.N * s.OutH * s.OutW, N: s.OutC, K: s.KH * s.KW * s.InC, Rows: k.ep.rows, Image: image}
	if s.KH == 1 && s.KW == 1 && s.Stride == 1 && s.PadTop == 0 && s.PadLeft == 0 && s.UpH == 0 && s.OutH == s.H && s.OutW == s.W {
		p.Image = nil
	}
	return p
}

// surrounded is the product of an image that goes on with its other side on a device, which
// reads one that has what pads it. That is h×w.
func (k conv2d) surrounded() (p device.Product, h, w int) {
	s := k.s
	p, h, w = k.product(), (s.OutH-1)*s.Stride+s.KH, (s.OutW-1)*s.Stride+s.KW
	p.Image = &device.Image{H: h, W: w, C: s.InC, KW: s.KW, Stride: s.Stride, OutH: s.OutH, OutW: s.OutW, SrcH: h, SrcW: w}
	return p, h, w
}

// OnDevice implements Chooser: a weight that is computed has another order.
func (k conv2d) OnDevice(device.Target) bool { return !k.unpacked }

// wraps says whether the image goes on with its other side.
func (k conv2d) wraps() bool { return k.s.WrapX || k.s.WrapY }

// DeviceWork implements DeviceWorker.
func (k conv2d) DeviceWork(t device.Target) int {
	if !k.wraps() {
		return k.product().Work(t)
	}
	p, h, w := k.surrounded()
	return p.Work(t) + k.surroundings(t, h, w)
}

// surroundings is the bytes of an image of h×w with what pads it, in whole transactions.
func (k conv2d) surroundings(t device.Target, h, w int) int {
	return (k.s.N*h*w*k.s.InC*t.Type.Size() + 255) / 256 * 256
}

// Floats implements Floater.
func (k conv2d) Floats(i int) bool { return k.ep.floats(i) }

// Launches implements Launcher.
func (k conv2d) Launches(t device.Target, out device.Ptr, in []device.Ptr, work device.Ptr) []device.Launch {
	p := k.product()
	a := in[0]
	var list []device.Launch
	if k.wraps() {
		image := *p.Image
		all, h, w := k.surrounded()
		list = image.Surround(t, work, a, k.s.N, h, w, k.s.WrapX, k.s.WrapY)
		p, a, work = all, work, work+device.Ptr(k.surroundings(t, h, w))
	}
	p.Out, p.A, p.W = out, a, in[1]
	k.ep.device(&p, in[2:])
	return append(list, p.Launches(t, work)...)
}

func (k conv2d) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	if n := k.packedLen(); n > 0 {
		w, pack := kernel.PackWhile(work[:n], in[1].Data, k.s.OutC, k.s.InC, k.s.KH, k.s.KW)
		return append([]kernel.Phase{pack}, k.convolve(out, in[0].Data, Arg{Packed: w}, k.ep.bind(in[2:], k.rounding), work[n:])...)
	}
	return k.convolve(out, in[0].Data, in[1], k.ep.bind(in[2:], k.rounding), work)
}

// Derive uses that the derivative by the weight is d times what each of its pixels sees
// of x.
func (k conv2d) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	s := k.s
	rows := g.Reshape(d, s.N*s.OutH*s.OutW, s.OutC)
	dx := k.deriveInput(&g, in[1], d, rows)
	dw := g.Linear(g.Permute(rows, 1, 0), g.Permute(g.Patches(in[0], s), 1, 0))
	dw = g.Permute(g.Reshape(dw, s.OutC, s.KH, s.KW, s.InC), 0, 3, 1, 2)
	out := []*G.Node{dx, dw}
	if k.ep.bias {
		out = append(out, g.SumRows(rows))
	}
	return out, g.err
}

// deriveInput is the derivative by x, for d, whose pixels are rows: the convolution of d,
// with zeros between its pixels if the stride is 2, with the weight turned around. Of an
// image that goes on with its other side it is the sum of what each pixel of d means for
// what it saw.
func (k conv2d) deriveInput(g *grad, weight, d, rows *G.Node) *G.Node {
	s := k.s
	if k.wraps() {
		taps := g.Reshape(g.Permute(g.Unpack(weight), 2, 3, 1, 0), s.KH*s.KW*s.InC, s.OutC)
		return g.Fold(g.Linear(rows, taps), s)
	}
	turned := g.Reverse(g.Permute(g.Unpack(weight), 1, 0, 2, 3), s.KH*s.KW)
	top, left := s.KH-1-s.PadTop, s.KW-1-s.PadLeft
	return g.Conv2D(g.Dilate(d, s.Stride), turned, Padding{
		Top: top, Left: left,
		Bottom: s.H + s.KH - 2 - (s.OutH-1)*s.Stride - top,
		Right:  s.W + s.KW - 2 - (s.OutW-1)*s.Stride - left,
	})
}
