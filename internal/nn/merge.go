package nn

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// MatchTokens finds which merge tokens of x [N H·W C] are most like others. The
// times [N] and salt steer which tokens others may be merged into.
func (g *Graph) MatchTokens(x, times *G.Node, h, w, merge int, salt uint32) *op.TokenMatch {
	var m *op.TokenMatch
	g.try(func() (n *G.Node, err error) {
		m, err = op.MatchTokens(x, times, h, w, merge, salt)
		return nil, err
	})
	return m
}

// MergeTokens maps x [N T C] to [N T' C].
func (g *Graph) MergeTokens(m *op.TokenMatch, x *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return m.Merge(x) })
}

// UnmergeTokens maps y [N T' C] to [N T C].
func (g *Graph) UnmergeTokens(m *op.TokenMatch, y *G.Node) *G.Node {
	return g.try(func() (*G.Node, error) { return m.Unmerge(y) })
}
