package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

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
