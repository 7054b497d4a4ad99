package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
)

// unpack gives the numbers of a weight in the checkpoint's order.
type unpack struct{ out, in, taps int }

// Unpack returns a weight [out in] or [out in KH KW], packed for a product or not, as
// numbers that other operations can read.
func Unpack(w *G.Node) (*G.Node, error) {
	s := w.Shape()
	if len(s) < 2 {
		return nil, fmt.Errorf("op: unpack: have a weight %v, want [out in ...]", []int(s))
	}
	return apply(unpack{s[0], s[1], s.TotalSize() / s[0] / s[1]}, s.Clone(), w)
}

func (k unpack) String() string { return fmt.Sprintf("unpack %d×%d×%d", k.out, k.in, k.taps) }
func (k unpack) Work() int      { return 0 }
func (k unpack) Cost() Cost     { return moving }

func (k unpack) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) { return []*G.Node{d}, nil }

func (k unpack) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{in[0].unpack(out, k.out, k.in, k.taps)}
}

// unpack writes the numbers of a weight [out in taps] to dst.
func (a Arg) unpack(dst []float32, out, in, taps int) kernel.Phase {
	if a.Packed.Data != nil {
		return kernel.Unpack(dst, a.Packed, out, in, taps)
	}
	return kernel.Copy(dst, a.Data)
}

// Dense returns a copy of a weight's numbers in the checkpoint's order.
func (w *Weight) Dense() (*tensor.Dense, error) {
	if w.numbers() == nil {
		return nil, fmt.Errorf("op: weight %v: its numbers are not loaded", []int(w.shape))
	}
	release, err := Hold(w)
	if err != nil {
		return nil, fmt.Errorf("op: weight %v: %w", []int(w.shape), err)
	}
	defer release()
	var x *tensor.Dense
	err = mapped.Guard(func() error {
		x = w.arg.value(w.shape).(*tensor.Dense)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("op: weight %v: %w", []int(w.shape), err)
	}
	return x, nil
}
