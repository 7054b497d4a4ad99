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

// Floats implements Floater.
func (k embed) Floats(i int) bool { return i == 0 }

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
	ids := in[0].Data
	lookup := kernel.Embed(out, ids, in[1].table(), k.rows, k.vocab, k.d, pos, k.tokens)
	return []kernel.Phase{wantWhole(k, "token id", ids, k.vocab, lookup)}
}

// embedDerivative is the derivative of embed by the table, for inputs ids and d.
type embedDerivative embed

func (k embedDerivative) String() string { return "derivative of " + embed(k).String() }
func (k embedDerivative) Work() int      { return 0 }
func (k embedDerivative) Cost() Cost     { return moving }

func (k embedDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.EmbedDerivative(out, in[0].Data, in[1].Data, k.rows, k.vocab, k.d)}
}
