package unet

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// classEmbedding maps the label of each sample to a vector, in the way that
// class_embed_type names.
type classEmbedding struct {
	vector []int // shape of a label: none for a number

	table     *nn.Embedding // of labels 0 to classes-1: class_embed_type null
	classes   int
	sinusoids *sinusoids // timestep: of a number, before mlp
	mlp       *embedding // timestep, projection
	linear    *nn.Linear // simple_projection
}

// The values of class_embed_type beside null.
const (
	classTimestep   = "timestep"
	classIdentity   = "identity"
	classProjection = "projection"
	classLinear     = "simple_projection"
)

// newClassEmbedding returns nil if the model has no classes.
func newClassEmbedding(p *nn.Params, c *Config) *classEmbedding {
	out := c.tembDim()
	if c.ClassEmbedType == nil {
		if c.NumClassEmbeds == nil {
			return nil
		}
		return &classEmbedding{table: p.Embedding("", *c.NumClassEmbeds, out), classes: *c.NumClassEmbeds}
	}
	switch first := c.BlockOutChannels[0]; *c.ClassEmbedType {
	case classTimestep:
		return &classEmbedding{sinusoids: &sinusoids{first, c.FlipSinToCos, c.FreqShift}, mlp: newEmbedding(p, first, out)}
	case classProjection:
		in := *c.ProjectionInputDim
		return &classEmbedding{vector: []int{in}, mlp: newEmbedding(p, in, out)}
	case classLinear:
		in := *c.ProjectionInputDim
		return &classEmbedding{vector: []int{in}, linear: p.Precise().Linear("", in, out)}
	}
	return &classEmbedding{vector: []int{out}} // identity
}

// shape is that of the labels of n samples, or nil if the model has no classes.
func (c *classEmbedding) shape(n int) []int {
	if c == nil {
		return nil
	}
	return append([]int{n}, c.vector...)
}

// forward maps labels, [N] numbers or [N D] vectors, to [N temb].
func (c *classEmbedding) forward(g *nn.Graph, labels *G.Node) *G.Node {
	switch n := g.Shape(labels)[0]; {
	case c.table != nil:
		x := c.table.Forward(g, g.Reshape(labels, n, 1), nil) // [N 1 temb]
		labels = g.Reshape(x, n, g.Shape(x)[2])
	case c.sinusoids != nil:
		return c.mlp.forward(g, c.sinusoids.forward(g, labels))
	case c.mlp != nil:
		return c.mlp.forward(g, labels)
	case c.linear != nil:
		return c.linear.Forward(g, labels)
	}
	return g.Mark("class_embedding", labels)
}

// check wants labels that are in the table.
func (c *classEmbedding) check(labels []float32) error {
	if c.table == nil {
		return nil
	}
	for i, l := range labels {
		if !(l >= 0 && int(l) < c.classes) || l != float32(math.Trunc(float64(l))) {
			return fmt.Errorf("class labels: number %d is %v, want a whole number from 0 to %d", i, l, c.classes-1)
		}
	}
	return nil
}
