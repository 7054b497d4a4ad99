package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// embed looks tokens up in a table and adds their positions' vectors.
type embed struct {
	rows, vocab, d, tokens int
	positions              bool
}

// Embed maps ids [N T], whole numbers in 0..V-1, to the rows of table [V D],
// plus row t of positions [≥T D] (or nil) for token t, giving [N T D].
func Embed(ids, table, positions *G.Node) (*G.Node, error) {
	if err := checkRank("embed", ids, 2); err != nil {
		return nil, err
	}
	if err := checkRank("embed", table, 2); err != nil {
		return nil, err
	}
	s, t := ids.Shape(), table.Shape()
	k := embed{s[0] * s[1], t[0], t[1], s[1], positions != nil}
	children := []*G.Node{ids, table}
	if positions != nil {
		if p := positions.Shape(); len(p) != 2 || p[0] < k.tokens || p[1] != k.d {
			return nil, fmt.Errorf("op: embed: have positions %v, want [≥%d %d]", []int(p), k.tokens, k.d)
		}
		children = append(children, positions)
	}
	return apply(k, tensor.Shape{s[0], s[1], k.d}, children...)
}

func (k embed) String() string { return fmt.Sprintf("embed %d of %d×%d", k.rows, k.vocab, k.d) }
func (k embed) Work() int      { return 0 }
func (k embed) Cost() Cost     { return moving }

func (k embed) Discrete(i int) bool { return i == 0 }
func (k embed) Floats(i int) bool   { return i == 0 }

func (k embed) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	table := g.do(func() (*G.Node, error) {
		return apply(embedDerivative(k), tensor.Shape{k.vocab, k.d}, in[0], d)
	})
	out := []*G.Node{nil, table}
	if k.positions { // each position is in every sample
		sum := g.SumRows(g.Reshape(d, k.rows/k.tokens, k.tokens*k.d))
		out = append(out, g.Pad(g.Reshape(sum, k.tokens, k.d), 0, 0, in[2].Shape()[0]))
	}
	return out, g.err
}

// Launches implements Launcher.
func (k embed) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	var positions device.Ptr
	if k.positions {
		positions = in[2]
	}
	return device.Embed(t, out, in[0], in[1], positions, k.rows, k.vocab, k.d, k.tokens)
}

func (k embed) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	var pos []float32
	if k.positions {
		pos = in[2].Data
	}
	return []kernel.Phase{kernel.Embed(out, in[0].Data, in[1].Data, in[1].Format, k.rows, k.vocab, k.d, pos, k.tokens)}
}

// embedDerivative is the derivative of embed by the table, for inputs ids and d.
type embedDerivative embed

func (k embedDerivative) String() string { return "derivative of " + embed(k).String() }
func (k embedDerivative) Work() int      { return 0 }
func (k embedDerivative) Cost() Cost     { return moving }

func (k embedDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.EmbedDerivative(out, in[0].Data, in[1].Data, k.rows, k.vocab, k.d)}
}

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
func (k gather) Floats(i int) bool   { return i == 1 }

func (k gather) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(scatter(k), in[0].Shape().Clone(), d, in[1])
	return []*G.Node{dx, nil}, err
}

// Launches implements Launcher.
func (k gather) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Gather(t, out, in[0], in[1], k.n, k.tokens, k.d)
}

func (k gather) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Gather(out, in[0].Data, in[1].Data, k.n, k.tokens, k.d)}
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

// timesteps is the sinusoidal embedding of Vaswani et al. (2017), section 3.5,
// in the form of Ho et al. (2020).
//
// https://arxiv.org/abs/1706.03762
type timesteps struct {
	n, dim        int
	flipSinToCos  bool
	shift, period float64
}

// Timesteps maps times t [N] to [N dim]; flip puts the cosines first.
func Timesteps(t *G.Node, dim int, flip bool, shift float64) (*G.Node, error) {
	if err := checkRank("timesteps", t, 1); err != nil {
		return nil, err
	}
	n := t.Shape()[0]
	return apply(timesteps{n, dim, flip, shift, 10000}, tensor.Shape{n, dim}, t)
}

func (k timesteps) String() string { return fmt.Sprintf("timesteps %d→%d", k.n, k.dim) }
func (k timesteps) Work() int      { return 0 }
func (k timesteps) Cost() Cost     { return moving }

func (k timesteps) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dt, err := apply(timestepsDerivative(k), in[0].Shape().Clone(), in[0], d)
	return []*G.Node{dt}, err
}

// OnHost implements Hoster: times are few, and their sines want more than float32.
func (k timesteps) OnHost() {}

func (k timesteps) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Timesteps(out, in[0].Data, k.n, k.dim, k.flipSinToCos, k.shift, k.period)}
}

// timestepsDerivative is the derivative of timesteps by t, for inputs t and d.
type timestepsDerivative timesteps

func (k timestepsDerivative) String() string { return "derivative of " + timesteps(k).String() }
func (k timestepsDerivative) Work() int      { return 0 }
func (k timestepsDerivative) Cost() Cost     { return moving }

func (k timestepsDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.TimestepsDerivative(out, in[0].Data, in[1].Data, k.n, k.dim, k.flipSinToCos, k.shift, k.period)}
}
