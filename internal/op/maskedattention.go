package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// maskedAttention is attention that sees some keys of each sample alone.
type maskedAttention attention

// MaskedAttention is [Attention] in which the queries of a sample see the keys alone
// whose number in mask [N Tk] is not zero. It gives NaN where none is.
func MaskedAttention(q, k, v, mask *G.Node, heads int, rounded bool) (*G.Node, error) {
	s, err := attentionShape(q, k, v, heads, false, rounded)
	if err != nil {
		return nil, err
	}
	if err := checkShape("attention", "mask", mask, s.Batch, s.Keys); err != nil {
		return nil, err
	}
	return apply(maskedAttention{s}, q.Shape().Clone(), q, k, v, mask)
}

func (k maskedAttention) String() string {
	return fmt.Sprintf("masked %v", attention(k))
}
func (k maskedAttention) Cost() Cost          { return attention(k).Cost() }
func (k maskedAttention) Work() int           { return attention(k).Work() }
func (k maskedAttention) Discrete(i int) bool { return i == 3 }

func (k maskedAttention) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	all, err := maskedAttentionDerivative(k).apply(in, d)
	if err != nil {
		return nil, err
	}
	parts, err := attention(k).split(all)
	return append(parts, nil), err
}

// Launches implements Launcher.
func (k maskedAttention) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	a := attention(k).device(out, in)
	a.Mask = in[3]
	return a.Launches(t)
}

// OnDevice implements Chooser.
func (k maskedAttention) OnDevice(t device.Target) bool { return attention(k).OnDevice(t) }

func (k maskedAttention) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	return kernel.MaskedAttention(out, in[0].Data, in[1].Data, in[2].Data, in[3].Data, k.s, work)
}

// maskedAttentionDerivative is attentionDerivative with the mask before the derivative.
type maskedAttentionDerivative attention

func (k maskedAttentionDerivative) apply(in []*G.Node, d *G.Node) (*G.Node, error) {
	if err := checkShape("attention derivative", "d", d, in[0].Shape()...); err != nil {
		return nil, err
	}
	return apply(k, tensor.Shape{k.s.Batch, k.s.Queries + 2*k.s.Keys, k.s.Heads * k.s.HeadDim}, in[0], in[1], in[2], in[3], d)
}

func (k maskedAttentionDerivative) String() string {
	return "derivative of " + maskedAttention(k).String()
}
func (k maskedAttentionDerivative) Cost() Cost { return attentionDerivative(k).Cost() }
func (k maskedAttentionDerivative) Work() int  { return attentionDerivative(k).Work() }

func (k maskedAttentionDerivative) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	return kernel.MaskedAttentionDerivative(out, in[0].Data, in[1].Data, in[2].Data, in[3].Data, in[4].Data, k.s, work)
}
