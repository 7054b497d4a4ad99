package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// groupNorm is group normalisation (Wu and He 2018), with an activation.
//
// https://arxiv.org/abs/1803.08494
type groupNorm struct {
	s        kernel.NormShape
	eps      float64
	act      kernel.Activation
	rounding rounding
}

// GroupNorm normalises x [N ... C] over each group of channels, then scales by
// gamma [C] and shifts by beta [C].
func GroupNorm(x, gamma, beta *G.Node, groups int, eps float64) (*G.Node, error) {
	shape := x.Shape()
	if len(shape) < 3 {
		return nil, fmt.Errorf("op: groupnorm: have x %v, want [N ... C]", []int(shape))
	}
	c := shape[len(shape)-1]
	if groups < 1 || c%groups != 0 {
		return nil, fmt.Errorf("op: groupnorm: have %d channels, want a multiple of the %d groups", c, groups)
	}
	if err := checkAffine("groupnorm", gamma, beta, c); err != nil {
		return nil, err
	}
	k := groupNorm{s: kernel.NormShape{N: shape[0], Pixels: shape.TotalSize() / shape[0] / c, C: c, Groups: groups}, eps: eps}
	return apply(k, shape.Clone(), x, gamma, beta)
}

func (k groupNorm) String() string {
	return fmt.Sprintf("groupnorm %v act %v%v", k.s, k.act, k.rounding)
}
func (k groupNorm) Work() int          { return kernel.GroupNormWork(k.s) }
func (k groupNorm) Cost() Cost         { return normalising }
func (k groupNorm) InPlace(i int) bool { return i == 0 && !k.rounding.to }

func (k groupNorm) Fuse(t Target, next Operation, arg int) (Operation, bool) {
	if conv, ok := next.(conv2d); ok && arg == 0 {
		return newNormConv(t, k, conv)
	}
	a, ok := next.(activation)
	if !ok || k.act != kernel.None {
		return nil, false
	}
	k.act = a.act
	return k, true
}

func (k groupNorm) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	return deriveNorm(normalize{k.s, k.eps}, in, d)
}

// device is the norm on a device without its operands.
func (k groupNorm) device() device.GroupNorm {
	return device.GroupNorm{N: k.s.N, Pixels: k.s.Pixels, C: k.s.C, Groups: k.s.Groups, Eps: k.eps, Act: device.Activation(k.act)}
}

// DeviceWork implements DeviceWorker.
func (k groupNorm) DeviceWork(device.Target) int { return k.device().Work() }

// Floats implements Floater.
func (k groupNorm) Floats(i int) bool { return i > 0 }

// Launches implements Launcher.
func (k groupNorm) Launches(t device.Target, out device.Ptr, in []device.Ptr, work device.Ptr) []device.Launch {
	g := k.device()
	g.Out, g.X, g.Gamma, g.Beta = out, in[0], in[1], in[2]
	return g.Launches(t, work)
}

func (k groupNorm) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	if k.rounding.to {
		return kernel.GroupNormRounded(out, in[0].Data, k.s, in[1].Data, in[2].Data, k.eps, k.act, work)
	}
	return kernel.GroupNorm(out, in[0].Data, k.s, in[1].Data, in[2].Data, k.eps, k.act, work)
}
