package nn

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
	"sdgo/internal/weights"
)

// Adapted says how the layers of a model differ in a graph: what adapters add to them, and
// the numbers that take the place of parameters. What is large of it a run brings in
// slots, and what depends on the adapters' weights in vectors, which are inputs, so that
// one plan serves all adapters of the same structure.
type Adapted struct {
	// Signature tells structures apart.
	Signature string
	// Layers are by the keys of their weights.
	Layers map[string]*Layer
	// In are numbers of vectors in place of parameters, by their keys.
	In map[string]int
	// Vectors are the numbers of the next run, and Slots its weights.
	Vectors [][]float32
	Slots   []op.Arg
}

// Layer is what is added to a linear layer or a convolution:
//
//	x ─┬─ layer ─ · gain ─ + bias ─ + ─ out
//	   └─ branches ─────────────────┘
type Layer struct {
	Gain     int // number of a vector, or None
	Branches []Branch
}

// None stands for no vector.
const None = -1

// Branch is one of
//
//	x ─ · in ─ down ─ mid ─ · hidden ─ up ─ · out
//	x ─ · in ─ up ─ · out
//	x ─ · in ─ layer, without bias ─ · out
//
// where down, or mid where there is one, or up alone, has the filter of the layer.
type Branch struct {
	Down, Mid, Up   *op.Slot
	In, Hidden, Out int // numbers of vectors, or None
}

// NewAdaptedGraph returns a Graph that adds to g, with the layers of a model changed. It
// must be one for graphs without a derivative. With nil it is NewGraph.
func NewAdaptedGraph(g *G.ExprGraph, a *Adapted) *Graph {
	b := NewGraph(g)
	b.adapted, b.inputs = a, make(map[string]*G.Node)
	return b
}

const vectorPrefix = "adapter vector "

// VectorName is the name of the input for a vector.
func VectorName(i int) string { return fmt.Sprint(vectorPrefix, i) }

// VectorInputs returns the nodes of a graph that are inputs for vectors, in their order.
func (a *Adapted) VectorInputs(g *G.ExprGraph) []*G.Node {
	found := make(map[string]*G.Node)
	for _, n := range g.AllNodes() {
		if strings.HasPrefix(n.Name(), vectorPrefix) && n.Op() == nil {
			found[n.Name()] = n
		}
	}
	var inputs []*G.Node
	for i := range a.Vectors {
		if n := found[VectorName(i)]; n != nil {
			inputs = append(inputs, n)
		}
	}
	return inputs
}

// vector returns the node of a vector.
func (g *Graph) vector(i int) *G.Node {
	name := VectorName(i)
	if g.inputs[name] == nil {
		g.inputs[name] = g.Input(name, len(g.adapted.Vectors[i]))
	}
	return g.inputs[name]
}

// slot returns the node of a slot of a layer.
func (g *Graph) slot(s *op.Slot, weight *weights.Param, branch int, what string) *G.Node {
	name := fmt.Sprintf("%s.adapter%d.%s.weight", strings.TrimSuffix(weight.Name(), ".weight"), branch, what)
	if g.inputs[name] == nil {
		g.inputs[name] = G.NewTensor(g.expr, G.Float32, s.Shape().Dims(), G.WithShape(s.Shape()...), G.WithName(name), G.WithValue(s))
	}
	return g.inputs[name]
}

// product is a linear layer or a convolution of x with a weight, and a bias or nil.
type product func(x, weight, bias *G.Node) (*G.Node, error)

// layer runs a layer with all that is added to it. One is the layer's product for a
// filter of one pixel that keeps the size.
func (g *Graph) layer(weight, bias *weights.Param, x *G.Node, layer, one product) *G.Node {
	if g.err != nil {
		return nil
	}
	do := func(p product, x, w, b *G.Node) *G.Node {
		return g.try(func() (*G.Node, error) { return p(x, w, b) })
	}
	w, b := g.param(weight), g.param(bias)
	var added *Layer
	if g.adapted != nil {
		added = g.adapted.Layers[weight.Key]
	}
	if added == nil {
		return do(layer, x, w, b)
	}
	var y *G.Node
	if added.Gain == None {
		y = do(layer, x, w, b)
	} else {
		y = g.scaled(do(layer, x, w, nil), added.Gain, b)
	}
	for i, branch := range added.Branches {
		h := g.scaled(x, branch.In, nil)
		switch {
		case branch.Up == nil:
			h = do(layer, h, w, nil)
		case branch.Down == nil:
			h = do(layer, h, g.slot(branch.Up, weight, i, "whole"), nil)
		case branch.Mid == nil:
			h = do(layer, h, g.slot(branch.Down, weight, i, "down"), nil)
		default:
			h = do(one, h, g.slot(branch.Down, weight, i, "down"), nil)
			h = do(layer, h, g.slot(branch.Mid, weight, i, "mid"), nil)
		}
		if branch.Down != nil {
			h = do(one, g.scaled(h, branch.Hidden, nil), g.slot(branch.Up, weight, i, "up"), nil)
		}
		y = g.Add(y, g.scaled(h, branch.Out, nil))
	}
	return y
}

// scaled multiplies the channels of x by a vector, if there is one, and adds shift, which
// may be nil.
func (g *Graph) scaled(x *G.Node, vector int, shift *G.Node) *G.Node {
	if vector == None {
		return x
	}
	return g.try(func() (*G.Node, error) { return op.ScaleShift(x, g.vector(vector), shift) })
}
