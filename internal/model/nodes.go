package model

import (
	"strings"

	G "gorgonia.org/gorgonia"
)

// WeightNodes returns the nodes of the model's weights in a graph that its Build
// methods added to, by the checkpoint's keys.
func (m *Model) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	nodes := make(map[string]*G.Node)
	if g == nil {
		return nodes
	}
	for _, n := range g.AllNodes() {
		if key, ok := strings.CutPrefix(n.Name(), m.params.Model()+"/"); ok && n.Op() == nil {
			nodes[key] = n
		}
	}
	return nodes
}
