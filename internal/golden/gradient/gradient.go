// Package gradient differentiates the graph of a model for tests, and compares what a
// machine computes with a golden case.
package gradient

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// lossTolerance is ten times what float32 rounding makes of a loss, relative to it.
const lossTolerance = 1e-5

// Graph is a graph whose inputs are tensors of a golden case, and a loss in it.
type Graph struct {
	*G.ExprGraph

	t      testing.TB
	c      *golden.Case
	inputs []*G.Node
	loss   *G.Node
	by     map[string]*G.Node
}

// New returns a graph without inputs.
func New(t testing.TB, c *golden.Case) *Graph {
	return &Graph{ExprGraph: G.NewGraph(), t: t, c: c, by: make(map[string]*G.Node)}
}

// Input adds a tensor of the case, whole numbers among them, with its values. It returns
// nil if the case has none.
func (g *Graph) Input(name string) *G.Node {
	g.t.Helper()
	if !g.c.Has(name) {
		return nil
	}
	return g.Add(name, g.c.Numbers(name), g.c.Shape(name)...)
}

// Add adds an input with values of the caller's.
func (g *Graph) Add(name string, values []float32, shape ...int) *G.Node {
	g.t.Helper()
	n := G.NewTensor(g.ExprGraph, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
	require.NoError(g.t, G.Let(n, engine.Tensor(values, shape...)))
	g.inputs = append(g.inputs, n)
	return n
}

// Lose adds mean((out − target)²) to the loss.
func (g *Graph) Lose(out *G.Node, target string) {
	g.t.Helper()
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(out, g.Input(target)))))))
	if g.loss != nil {
		loss = G.Must(G.Add(g.loss, loss))
	}
	g.loss = loss
}

// By differentiates by nodes, by the names that the case gives them. Nil is left out.
func (g *Graph) By(nodes map[string]*G.Node) {
	maps.Copy(g.by, nodes)
	maps.DeleteFunc(g.by, func(_ string, n *G.Node) bool { return n == nil })
}

// Derivatives computes the loss, which must be the case's, and the derivatives by all
// nodes of By, on the planned machine or on gorgonia's.
func (g *Graph) Derivatives(loss string, tape bool) map[string][]float32 {
	g.t.Helper()
	grads, err := G.Grad(g.loss, slices.Collect(maps.Values(g.by))...)
	require.NoError(g.t, err)
	if tape {
		m := G.NewTapeMachine(g.ExprGraph)
		defer m.Close()
		require.NoError(g.t, m.RunAll())
	} else {
		plan, err := engine.NewPlan(g.inputs, append(G.Nodes{g.loss}, grads...))
		require.NoError(g.t, err)
		eng, err := engine.New(nil)
		require.NoError(g.t, err)
		m, err := plan.NewMachine(&eng.Memory, 0)
		require.NoError(g.t, err)
		defer m.Close()
		require.NoError(g.t, m.RunAll())
	}
	assert.InEpsilon(g.t, g.c.Float32s(loss)[0], g.loss.Value().Data(), lossTolerance)
	out := make(map[string][]float32)
	for name, n := range g.by {
		v, err := n.Grad()
		require.NoError(g.t, err)
		out[name] = slices.Clone(v.Data().([]float32))
	}
	return out
}

// Compare wants the derivatives of the case, and returns how many it has of them.
func (g *Graph) Compare(loss string, tape bool) (compared int) {
	g.t.Helper()
	worst, compared := g.c.CloseGradients(g.t, g.Derivatives(loss, tape))
	g.t.Logf("%d derivatives, worst %.2g of the largest value", compared, worst)
	return compared
}
