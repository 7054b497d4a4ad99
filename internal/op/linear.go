package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// linear is x·Wᵀ + b over the last dimension.
type linear struct {
	m, in, out int
	ep         epilogue
	unpacked   bool
	rounding   rounding
}

// Linear maps x [... in] with weight [out in] and bias [out] (or nil) to
// [... out].
func Linear(x, weight, bias *G.Node) (*G.Node, error) {
	if err := checkRank("linear", weight, 2); err != nil {
		return nil, err
	}
	shape := x.Shape().Clone()
	last := len(shape) - 1
	out, in := weight.Shape()[0], weight.Shape()[1]
	if last < 1 || shape[last] != in {
		return nil, fmt.Errorf("op: linear: have x %v and weight %v, want x [... %d]", []int(shape), []int(weight.Shape()), in)
	}
	shape[last] = out
	k := linear{m: shape.TotalSize() / out, in: in, out: out}
	k.ep.rows = k.m / shape[0]
	children := []*G.Node{x, weight}
	if bias != nil {
		if err := checkShape("linear", "bias", bias, out); err != nil {
			return nil, err
		}
		k.ep.bias = true
		children = append(children, bias)
	}
	return apply(k, shape, children...)
}

func (k linear) String() string {
	return fmt.Sprintf("linear %d×%d→%d%v%v", k.m, k.in, k.out, k.ep, k.rounding)
}
func (k linear) InPlace(i int) bool { return k.ep.inPlace(i) }

func (k linear) Fuse(t Target, next Operation, arg int) (Operation, bool) {
	ep, ok := k.ep.fuse(t, next, arg)
	k.ep = ep
	return k, ok
}

func (k linear) Unpacked() Operation {
	k.unpacked = true
	return k
}

func (k linear) Cost() Cost {
	return Cost{Kind: "linear", FLOPs: 2 * float64(k.m) * float64(k.in) * float64(k.out), share: 0.85}
}

func (k linear) Work() int {
	if k.unpacked {
		return kernel.PackedLen(k.in, k.out, kernel.Float32)
	}
	return 0
}

// Derive uses dx = d·W, dW = dᵀ·x and db = the sum of d over rows.
func (k linear) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	x, d := g.Reshape(in[0], k.m, k.in), g.Reshape(d, k.m, k.out)
	dx := g.Linear(d, g.Permute(g.Unpack(in[1]), 1, 0))
	dw := g.Linear(g.Permute(d, 1, 0), g.Permute(x, 1, 0))
	out := []*G.Node{g.Reshape(dx, in[0].Shape()...), dw}
	if k.ep.bias {
		out = append(out, g.SumRows(d))
	}
	return out, g.err
}

// DeviceWork implements DeviceWorker.
func (k linear) DeviceWork(t device.Target) int { return k.product().Work(t) }

// product is the product without its operands.
func (k linear) product() device.Product {
	return device.Product{M: k.m, N: k.out, K: k.in, Rows: k.ep.rows}
}

// Floats implements Floater.
func (k linear) Floats(i int) bool { return k.ep.floats(i) }

// Launches implements Launcher.
func (k linear) Launches(t device.Target, out device.Ptr, in []device.Ptr, work device.Ptr) []device.Launch {
	p := k.product()
	p.Out, p.A, p.W = out, in[0], in[1]
	k.ep.device(&p, in[2:])
	return p.Launches(t, work)
}

func (k linear) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	if k.unpacked {
		w, pack := kernel.PackWhile(work, in[1].Data, k.out, k.in, 1, 1)
		return []kernel.Phase{pack, kernel.Gemm(out, in[0].Data, k.m, w, k.ep.bind(in[2:], k.rounding))}
	}
	w, ep := in[1].packed(k.out, k.in, 1, 1), k.ep.bind(in[2:], k.rounding)
	if k.rounding.from {
		return []kernel.Phase{kernel.GemmRounded(out, in[0].Data, k.m, w, ep)}
	}
	return []kernel.Phase{kernel.Gemm(out, in[0].Data, k.m, w, ep)}
}
