package unet

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// Build adds the U-Net to the graph g and returns its prediction [N C H W]. The
// graph runs on diffusion.NewMachine and on gorgonia.NewTapeMachine.
func (u *UNet) Build(g *G.ExprGraph, in Nodes) (*G.Node, error) {
	if err := u.checkNodes(g, in, true); err != nil {
		return nil, err
	}
	b := u.graph(nn.NewGraph(g))
	out := u.forward(b, in)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	return out, nil
}

// WeightNodes returns the nodes of the U-Net's weights in a graph that Build added to,
// by the checkpoint's keys. Their values are the model's own, which all graphs
// share; diffusion.Trainable gives a node numbers that may change.
func (u *UNet) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	if u.loaded() != nil || g == nil {
		return nil
	}
	return u.model.WeightNodes(g)
}

// BuildHead adds the first part of the U-Net, cut at a skip branch of 1 to
// Branches()-1, to the graph g and returns its skips, each [N H W C]. See [Split].
// BuildTail of the same branch and BuildDeep make the whole of it, with the bytes
// that Build gives.
func (u *UNet) BuildHead(g *G.ExprGraph, in Nodes, branch int) ([]*G.Node, error) {
	var skips []*G.Node
	if err := u.checkBranch(branch); err != nil {
		return nil, err
	}
	if err := u.checkNodes(g, in, true); err != nil {
		return nil, err
	}
	_, err := u.buildPart(g, in, func(b *nn.Graph, s steering) *G.Node {
		skips = u.head(b, in, s, branch)
		return nil
	})
	return skips, err
}

// BuildDeep adds the part below the branch: it maps the head's last skip to the
// feature [N H W C] that enters the tail. It reads neither in.Latents nor
// in.Cond.Channels.
func (u *UNet) BuildDeep(g *G.ExprGraph, in Nodes, skip *G.Node, branch int) (*G.Node, error) {
	if err := u.checkFeatures(g, in, branch, skip); err != nil {
		return nil, err
	}
	return u.buildPart(g, in, func(b *nn.Graph, s steering) *G.Node { return u.deep(b, skip, s, branch) })
}

// BuildTail adds the last part and returns the prediction [N C H W]. The branch
// is the number of skips. It reads neither in.Latents nor
// in.Cond.Channels.
func (u *UNet) BuildTail(g *G.ExprGraph, in Nodes, skips []*G.Node, feature *G.Node) (*G.Node, error) {
	if err := u.checkFeatures(g, in, len(skips), append(slices.Clone(skips), feature)...); err != nil {
		return nil, err
	}
	return u.buildPart(g, in, func(b *nn.Graph, s steering) *G.Node { return u.tail(b, skips, feature, s) })
}

// checkFeatures wants the inputs of a part that begins with features, each [N H W C].
func (u *UNet) checkFeatures(g *G.ExprGraph, in Nodes, branch int, features ...*G.Node) error {
	if err := u.checkBranch(branch); err != nil {
		return err
	}
	if err := u.checkNodes(g, in, false); err != nil {
		return err
	}
	for _, f := range features {
		if err := nn.CheckNode(g, "unet: skip or feature", f, in.Timesteps.Shape()[0], -1, -1, -1); err != nil {
			return err
		}
	}
	return nil
}

func (u *UNet) buildPart(g *G.ExprGraph, in Nodes, forward func(*nn.Graph, steering) *G.Node) (*G.Node, error) {
	b := u.graph(nn.NewGraph(g))
	out := forward(b, u.steer(b, in))
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	return out, nil
}
