package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// nearest is the vector quantisation of van den Oord et al. (2017), section 3.1: what is
// nearest in a codebook takes a vector's place. The derivative by x is that of the output,
// straight through, and there is none by the codebook.
//
// https://arxiv.org/abs/1711.00937
type nearest struct {
	rows, entries, d int
	indices          bool
}

// Quantize maps x [... D] to the nearest entries of a codebook [K D], the first of
// several that are as near.
func Quantize(x, codebook *G.Node) (*G.Node, error) { return nearestOf(x, codebook, false) }

// NearestIndex maps x [... D] to the numbers [...] of the nearest entries of a codebook [K
// D].
func NearestIndex(x, codebook *G.Node) (*G.Node, error) { return nearestOf(x, codebook, true) }

func nearestOf(x, codebook *G.Node, indices bool) (*G.Node, error) {
	if err := checkRank("nearest", codebook, 2); err != nil {
		return nil, err
	}
	s, book := x.Shape(), codebook.Shape()
	d := s[len(s)-1]
	if len(s) < 2 || d != book[1] {
		return nil, fmt.Errorf("op: nearest: have x %v, want [... %d]", []int(s), book[1])
	}
	shape := s.Clone()
	if indices {
		shape = tensor.Shape(shape[:len(shape)-1])
	}
	return apply(nearest{s.TotalSize() / d, book[0], d, indices}, shape, x, codebook)
}

func (k nearest) String() string {
	what := ""
	if k.indices {
		what = ", indices"
	}
	return fmt.Sprintf("nearest %d of %d×%d%s", k.rows, k.entries, k.d, what)
}
func (k nearest) Work() int { return k.entries * k.d }
func (k nearest) Cost() Cost {
	return Cost{Kind: moving.Kind, FLOPs: 3 * float64(k.rows) * float64(k.entries) * float64(k.d)}
}

// Discrete implements Discreter.
func (k nearest) Discrete(i int) bool { return i == 1 || k.indices }

func (k nearest) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	if k.indices {
		return []*G.Node{nil, nil}, nil
	}
	return []*G.Node{d, nil}, nil
}

// OnDevice implements Chooser: numbers of entries are whole ones.
func (k nearest) OnDevice(t device.Target) bool {
	return k.d <= device.NearestWidth && (!k.indices || t.Type.Counts(k.entries))
}

// Launches implements Launcher.
func (k nearest) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Nearest(t, out, in[0], in[1], k.rows, k.entries, k.d, k.indices)
}

func (k nearest) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	return kernel.Nearest(out, in[0].Data, in[1].table(), work, k.rows, k.entries, k.d, k.indices)
}
