package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// gather picks one token of each sample.
type gather struct{ n, tokens, d int }

// Gather picks from x [N T D] the token at rows [N] of each sample: [N D].
func Gather(x, rows *G.Node) (*G.Node, error) {
	if err := checkRank("gather", x, 3); err != nil {
		return nil, err
	}
	s := x.Shape()
	if err := checkShape("gather", "rows", rows, s[0]); err != nil {
		return nil, err
	}
	return apply(gather{s[0], s[1], s[2]}, tensor.Shape{s[0], s[2]}, x, rows)
}

func (k gather) String() string { return fmt.Sprintf("gather %d of %d×%d", k.n, k.tokens, k.d) }
func (k gather) Work() int      { return 0 }
func (k gather) Cost() Cost     { return moving }

func (k gather) Discrete(i int) bool { return i == 1 }

func (k gather) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(scatter(k), in[0].Shape().Clone(), d, in[1])
	return []*G.Node{dx, nil}, err
}

// Floats implements Floater.
func (k gather) Floats(i int) bool { return i == 1 }

// Launches implements Launcher.
func (k gather) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Gather(t, out, in[0], in[1], k.n, k.tokens, k.d)
}

func (k gather) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	rows := in[1].Data
	return []kernel.Phase{wantWhole(k, "row", rows, k.tokens, kernel.Gather(out, in[0].Data, rows, k.n, k.tokens, k.d))}
}

// scatter is the adjoint of gather: d [N D] goes to the tokens of rows [N].
type scatter gather

func (k scatter) String() string {
	return fmt.Sprintf("scatter %d to %d×%d", k.n, k.tokens, k.d)
}
func (k scatter) Work() int           { return 0 }
func (k scatter) Cost() Cost          { return moving }
func (k scatter) Discrete(i int) bool { return i == 1 }

func (k scatter) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Gather(d, in[1])
	return []*G.Node{dx, nil}, err
}

func (k scatter) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Scatter(out, in[0].Data, in[1].Data, k.n, k.tokens, k.d)}
}
