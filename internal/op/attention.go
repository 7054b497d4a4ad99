package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// attention is scaled dot-product attention with several heads (Vaswani et al.
// 2017), by tiles of keys with a running softmax (Rabe and Staats 2021), so
// that no [T T] matrix is ever held.
//
// https://arxiv.org/abs/1706.03762
// https://arxiv.org/abs/2112.05682
type attention struct{ s kernel.AttentionShape }

// Attention maps queries [N Tq D], keys [N Tk D] and values [N Tk D] to [N Tq D].
// Head h owns the columns from h·D/heads on. With causal set, query i sees the
// keys up to i; with rounded, the factors of both products are rounded to bfloat16.
func Attention(q, k, v *G.Node, heads int, causal, rounded bool) (*G.Node, error) {
	s, err := attentionShape(q, k, v, heads, causal, rounded)
	if err != nil {
		return nil, err
	}
	return apply(attention{s}, q.Shape().Clone(), q, k, v)
}

// attentionShape wants inputs that go together.
func attentionShape(q, k, v *G.Node, heads int, causal, rounded bool) (s kernel.AttentionShape, err error) {
	if err := checkRank("attention", q, 3); err != nil {
		return s, err
	}
	if err := checkRank("attention", k, 3); err != nil {
		return s, err
	}
	n, tq, d, tk := q.Shape()[0], q.Shape()[1], q.Shape()[2], k.Shape()[1]
	if heads < 1 || d%heads != 0 {
		return s, fmt.Errorf("op: attention: have width %d and %d heads, want a multiple", d, heads)
	}
	if err := checkShape("attention", "keys", k, n, tk, d); err != nil {
		return s, err
	}
	if err := checkShape("attention", "values", v, n, tk, d); err != nil {
		return s, err
	}
	return kernel.AttentionShape{
		Batch: n, Heads: heads, HeadDim: d / heads, Queries: tq, Keys: tk,
		QStride: d, KStride: d, VStride: d, OutStride: d,
		Causal: causal, BFloat16: rounded, Scale: float32(1 / math.Sqrt(float64(d/heads))),
	}, nil
}

func (k attention) String() string {
	format := ""
	if k.s.BFloat16 {
		format = ", bfloat16"
	}
	return fmt.Sprintf("attention %d×%d heads×%d, %d×%d%s%v", k.s.Batch, k.s.Heads, k.s.HeadDim, k.s.Queries, k.s.Keys, format, rounding{from: k.s.RoundedK && k.s.RoundedV, to: k.s.RoundOut})
}
func (k attention) Cost() Cost {
	c := Cost{Kind: "attention", share: 0.8}
	c.FLOPs = 4 * float64(k.s.Batch*k.s.Heads*k.s.HeadDim) * float64(k.s.Queries) * float64(k.s.Keys)
	if k.s.BFloat16 {
		c.format = kernel.BFloat16
	}
	return c
}

func (k attention) Work() int { return kernel.AttentionWork(k.s) }

func (k attention) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	all, err := attentionDerivative(k).apply(in[0], in[1], in[2], d)
	if err != nil {
		return nil, err
	}
	return k.split(all)
}

// split returns the derivatives by queries, keys and values, which all holds one behind
// the other.
func (k attention) split(all *G.Node) ([]*G.Node, error) {
	var g grad
	q, t := k.s.Queries, k.s.Keys
	return []*G.Node{g.Slice(all, 1, 0, q), g.Slice(all, 1, q, t), g.Slice(all, 1, q+t, t)}, g.err
}

// Launches implements Launcher.
func (k attention) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return k.device(out, in).Launches(t)
}

// device is the attention of in, queries, keys and values, on a device.
func (k attention) device(out device.Ptr, in []device.Ptr) device.Attention {
	return device.Attention{
		Q: in[0], K: in[1], V: in[2], Out: out,
		Batch: k.s.Batch, Heads: k.s.Heads, HeadDim: k.s.HeadDim, Queries: k.s.Queries, Keys: k.s.Keys,
		QStride: k.s.QStride, KVStride: k.s.KStride, OutStride: k.s.OutStride, Causal: k.s.Causal,
	}
}

// OnDevice implements Chooser.
func (k attention) OnDevice(device.Target) bool { return k.s.HeadDim <= device.AttentionHeadDim }

func (k attention) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	return kernel.Attention(out, in[0].Data, in[1].Data, in[2].Data, k.s, work)
}

// attentionDerivative is the derivative of attention by queries, keys and values, of
// [N Tq+2Tk D] in this order, for the derivative [N Tq D] by its output.
type attentionDerivative attention

func (k attentionDerivative) apply(q, key, v, d *G.Node) (*G.Node, error) {
	if err := checkShape("attention derivative", "d", d, q.Shape()...); err != nil {
		return nil, err
	}
	return apply(k, tensor.Shape{k.s.Batch, k.s.Queries + 2*k.s.Keys, k.s.Heads * k.s.HeadDim}, q, key, v, d)
}

func (k attentionDerivative) String() string { return "derivative of " + attention(k).String() }

// Cost counts five products of the size of attention's two, in plain Go.
func (k attentionDerivative) Cost() Cost {
	c := attention(k).Cost()
	return Cost{Kind: "attention derivative", FLOPs: 2.5 * c.FLOPs, share: 0.01}
}

func (k attentionDerivative) Work() int { return kernel.AttentionDerivativeWork(k.s) }

func (k attentionDerivative) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	return kernel.AttentionDerivative(out, in[0].Data, in[1].Data, in[2].Data, in[3].Data, k.s, work)
}
