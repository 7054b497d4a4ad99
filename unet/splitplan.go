package unet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// part is a part of the network.
type part int

const (
	whole part = iota
	head
	deep
	tail
)

// head maps the inputs to the first branch skips, each [N H W C].
func (u *UNet) head(g *nn.Graph, in Nodes, s steering, branch int) []*G.Node {
	return u.down(g, u.in(g, in), s, 0, branch)[:branch]
}

// deep maps the head's last skip to the feature that enters the tail.
func (u *UNet) deep(g *nn.Graph, skip *G.Node, s steering, branch int) *G.Node {
	skips := u.down(g, skip, s, branch, len(u.downs))
	x := u.middle(g, skips[len(skips)-1], s)
	return u.up(g, x, skips, s, len(skips), branch)
}

// tail maps the head's skips and the feature to the prediction [N C H W].
func (u *UNet) tail(g *nn.Graph, skips []*G.Node, feature *G.Node, s steering) *G.Node {
	return u.out(g, u.up(g, feature, skips, s, len(skips), 0))
}

// shapes returns the shapes of the skips.
func (s *Split) shapes() ([]tensor.Shape, error) {
	g := s.u.graph(s.u.model.Graph())
	in := s.u.nodes(g, s.shape)
	var shapes []tensor.Shape
	for _, n := range s.u.head(g, in, s.u.steer(g, in), s.branch) {
		shapes = append(shapes, g.Shape(n).Clone())
	}
	return shapes, g.Err()
}

// run runs a part.
func (s *Split) run(ctx context.Context, p part, inputs model.Inputs, outputs [][]float32) error {
	if ctx == nil {
		return errors.New("unet: have a nil context")
	}
	if s.claim != nil {
		ctx = s.claim.With(ctx)
	}
	for name := range s.added {
		if !s.takes(p, name) {
			delete(inputs, name)
		}
	}
	return s.u.model.Run(ctx, s.key(p), s.build(p), inputs, outputs)
}

// takes says whether a part reads what is added to the network: the head features above
// the branch, the deep part those below it and all that comes to the middle, and each its
// residuals.
func (s *Split) takes(p part, name string) bool {
	for i, l := range s.u.downs {
		switch above := i < s.branch; name {
		case residualInput(i):
			return p == tail && above || p == deep && !above
		case featureName(l.feature - 1):
			return p == head && above || p == deep && !above
		}
	}
	return p == deep
}

// conditions are those that a part reads.
func (s *Split) conditions(p part, in Nodes) []*G.Node {
	added := make(map[string]bool)
	for _, f := range s.addedFields() {
		added[f.name] = true
	}
	return slices.DeleteFunc(s.u.conditions(in), func(n *G.Node) bool { return added[n.Name()] && !s.takes(p, n.Name()) })
}

func (s *Split) key(p part) planKey {
	return planKey{shape: s.shape, part: p, branch: s.branch, variant: s.u.variant}
}

const featureInput = "feature"

func skipInput(i int) string { return fmt.Sprintf("skip%d", i) }

// build makes the graph of a part. Its inputs are the latents, the skip or the
// skips and the feature, and what steers.
func (s *Split) build(p part) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := s.u.graph(s.u.model.Graph())
		in := s.u.nodes(g, s.shape)
		var skips []*G.Node
		if p != head {
			for i, shape := range s.skipShapes {
				skips = append(skips, g.Input(skipInput(i), shape...))
			}
		}
		steer := s.u.steer(g, in)
		switch p {
		case head:
			inputs, outputs = in.images(), s.u.head(g, in, steer, s.branch)
		case deep:
			skip := skips[len(skips)-1]
			inputs, outputs = []*G.Node{skip}, []*G.Node{s.u.deep(g, skip, steer, s.branch)}
		case tail:
			feature := g.Input(featureInput, s.featureShape...)
			inputs, outputs = append(slices.Clone(skips), feature), []*G.Node{s.u.tail(g, skips, feature, steer)}
		}
		return append(inputs, s.conditions(p, in)...), outputs, g.Err()
	}
}
