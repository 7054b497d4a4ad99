package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// maxTokens is how many rows a float32 can number.
const maxTokens = 1 << 24

// TokenMatch is where each token of an image goes when similar ones are merged,
// so that attention has fewer to do with (Bolya and Hoffman 2023).
//
// https://arxiv.org/abs/2303.17604
type TokenMatch struct {
	rows *G.Node // [N T]: each token's row among those that remain
	s    kernel.MergeShape
}

// MatchTokens finds which merge tokens of x [N H·W C] are to be merged, at most
// what is left beside one token in each cell of 2×2. Times [N] and salt steer the
// choice of those.
func MatchTokens(x, times *G.Node, h, w, merge int, salt uint32) (*TokenMatch, error) {
	if err := checkRank("match tokens", x, 3); err != nil {
		return nil, err
	}
	n, c := x.Shape()[0], x.Shape()[2]
	if err := checkShape("match tokens", "x", x, n, h*w, c); err != nil {
		return nil, err
	}
	if err := checkShape("match tokens", "times", times, n); err != nil {
		return nil, err
	}
	s := kernel.MergeShape{N: n, H: h, W: w, C: c, Merge: merge, Salt: salt}
	switch most := s.Tokens() - s.Destinations(); {
	case s.Tokens() > maxTokens:
		return nil, fmt.Errorf("op: match tokens: have %d×%d tokens, want at most %d", h, w, maxTokens)
	case s.Destinations() == 0:
		return nil, fmt.Errorf("op: match tokens: have %d×%d tokens, want 2×2 and more", h, w)
	case merge < 0 || merge > most:
		return nil, fmt.Errorf("op: match tokens: have %d to merge, want 0 to %d", merge, most)
	}
	rows, err := apply(matchTokens{s}, tensor.Shape{n, h * w}, x, times)
	return &TokenMatch{rows, s}, err
}

// Merge maps x [N T C] to [N T' C]: tokens that go to one row become their mean.
func (m *TokenMatch) Merge(x *G.Node) (*G.Node, error) {
	if err := checkShape("merge tokens", "x", x, m.s.N, m.s.Tokens(), m.s.C); err != nil {
		return nil, err
	}
	return apply(mergeTokens{m.s}, tensor.Shape{m.s.N, m.s.Kept(), m.s.C}, x, m.rows)
}

// Unmerge maps y [N T' C] to [N T C]: each token gets its row.
func (m *TokenMatch) Unmerge(y *G.Node) (*G.Node, error) {
	if err := checkShape("unmerge tokens", "y", y, m.s.N, m.s.Kept(), m.s.C); err != nil {
		return nil, err
	}
	return apply(unmergeTokens{s: m.s}, tensor.Shape{m.s.N, m.s.Tokens(), m.s.C}, y, m.rows)
}

type (
	matchTokens   struct{ s kernel.MergeShape }
	mergeTokens   struct{ s kernel.MergeShape }
	unmergeTokens struct {
		s        kernel.MergeShape
		residual bool // a further input, added to the output
	}
)

func mergeString(name string, s kernel.MergeShape) string {
	return fmt.Sprintf("%s tokens %d×%d×%d×%d−%d", name, s.N, s.H, s.W, s.C, s.Merge)
}

func (k matchTokens) String() string   { return mergeString("match", k.s) }
func (k mergeTokens) String() string   { return mergeString("merge", k.s) }
func (k unmergeTokens) String() string { return mergeString("unmerge", k.s) }
func (k matchTokens) Cost() Cost {
	return Cost{Kind: "token matching", FLOPs: 2 * float64(k.s.N*k.s.C) * float64(k.s.Tokens()) * float64(k.s.Destinations()), share: 0.8}
}
func (k matchTokens) Work() int    { return kernel.MatchTokensWork(k.s) }
func (k mergeTokens) Work() int    { return 0 }
func (k mergeTokens) Cost() Cost   { return moving }
func (k unmergeTokens) Work() int  { return 0 }
func (k unmergeTokens) Cost() Cost { return moving }

// InPlace says that the output may overwrite the residual.
func (k unmergeTokens) InPlace(i int) bool { return k.residual && i == 2 }

// Fuse adds the residual while the tokens are handed out.
func (k unmergeTokens) Fuse(_ Target, next Operation, _ int) (Operation, bool) {
	_, ok := next.(add)
	if !ok || k.residual {
		return nil, false
	}
	k.residual = true
	return k, true
}

// Discrete says that the match, whole numbers, has no derivative.
func (k mergeTokens) Discrete(i int) bool   { return i == 1 }
func (k unmergeTokens) Discrete(i int) bool { return i == 1 }

func (k mergeTokens) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(mergeTokensDerivative(k), in[0].Shape().Clone(), d, in[1])
	return []*G.Node{dx, nil}, err
}

func (k unmergeTokens) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dy, err := apply(unmergeTokensDerivative{k.s}, in[0].Shape().Clone(), d, in[1])
	return []*G.Node{dy, nil}, err
}

// match is the matching on a device.
func (k matchTokens) match() device.Match {
	return device.Match{N: k.s.N, H: k.s.H, W: k.s.W, C: k.s.C, Merge: k.s.Merge, Salt: k.s.Salt}
}

// OnDevice implements Chooser.
func (k matchTokens) OnDevice(t device.Target) bool { return k.match().OnDevice(t) }

// Floats implements Floater.
func (k matchTokens) Floats(i int) bool { return i == 1 }

// DeviceWork implements DeviceWorker.
func (k matchTokens) DeviceWork(device.Target) int { return k.match().Work() }

// Launches implements Launcher.
func (k matchTokens) Launches(t device.Target, out device.Ptr, in []device.Ptr, work device.Ptr) []device.Launch {
	return k.match().Launches(t, out, in[0], in[1], work)
}

func (k matchTokens) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	return kernel.MatchTokens(out, in[0].Data, in[1].Data, k.s, work)
}

// Launches implements Launcher.
func (k mergeTokens) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.MergeTokens(t, out, in[0], in[1], k.s.N, k.s.Tokens(), k.s.Kept(), k.s.C)
}

func (k mergeTokens) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.MergeTokens(out, in[0].Data, in[1].Data, k.s)}
}

// Launches implements Launcher.
func (k unmergeTokens) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	var residual device.Ptr
	if k.residual {
		residual = in[2]
	}
	return device.UnmergeTokens(t, out, in[0], in[1], residual, k.s.N, k.s.Tokens(), k.s.Kept(), k.s.C)
}

func (k unmergeTokens) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	var residual []float32
	if k.residual {
		residual = in[2].Data
	}
	return []kernel.Phase{kernel.UnmergeTokens(out, in[0].Data, in[1].Data, residual, k.s)}
}

// mergeTokensDerivative and unmergeTokensDerivative are the derivatives by x and y, for
// inputs d and the match.
type (
	mergeTokensDerivative   struct{ s kernel.MergeShape }
	unmergeTokensDerivative struct{ s kernel.MergeShape }
)

func (k mergeTokensDerivative) String() string   { return mergeString("derivative of merge", k.s) }
func (k unmergeTokensDerivative) String() string { return mergeString("derivative of unmerge", k.s) }
func (k mergeTokensDerivative) Work() int        { return 0 }
func (k mergeTokensDerivative) Cost() Cost       { return moving }
func (k unmergeTokensDerivative) Work() int      { return 0 }
func (k unmergeTokensDerivative) Cost() Cost     { return moving }

func (k mergeTokensDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.MergeTokensDerivative(out, in[0].Data, in[1].Data, k.s)}
}

func (k unmergeTokensDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.UnmergeTokensDerivative(out, in[0].Data, in[1].Data, k.s)}
}
