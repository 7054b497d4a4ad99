package unet

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Nodes that are missing, or that the network cannot take, are errors when it is built.
func TestBuildNodes(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	g, other := G.NewGraph(), G.NewGraph()
	node := func(g *G.ExprGraph, of tensor.Dtype, shape ...int) *G.Node {
		return G.NewTensor(g, of, len(shape), G.WithShape(shape...), G.WithName("x"))
	}
	dim := u.Config.CrossAttentionDim.At(0)
	good := func() Nodes {
		return Nodes{Latents: node(g, G.Float32, 1, 4, 8, 8), Timesteps: node(g, G.Float32, 1), Cond: Text(node(g, G.Float32, 1, 77, dim))}
	}
	_, err := u.Build(g, good())
	require.NoError(t, err)
	_, err = u.Build(nil, good())
	assert.ErrorContains(t, err, "have no graph to add to")
	for _, tt := range []struct {
		set  func(in *Nodes)
		want string
	}{
		{func(in *Nodes) { *in = Nodes{} }, "unet: timesteps: have no node, want one of shape [-1]"},
		{func(in *Nodes) { in.Latents = nil }, "unet: latents: have no node, want one of shape [1 4 -1 -1]"},
		{func(in *Nodes) { in.Cond.Tokens = nil }, "unet: tokens: have none, want [1 -1 32]: the U-Net takes tokens [-1 -1 32]"},
		{func(in *Nodes) { in.Latents = &G.Node{} }, "unet: latents: have a node of type <nil>"},
		{func(in *Nodes) { in.Latents = G.NewScalar(g, G.Float32) }, "unet: latents: have a node of type"},
		{func(in *Nodes) { in.Latents = node(g, G.Float64, 1, 4, 8, 8) }, "unet: latents: have a node of type"},
		{func(in *Nodes) { in.Latents = node(other, G.Float32, 1, 4, 8, 8) }, "unet: latents: have a node of another graph"},
		{func(in *Nodes) { in.Latents = node(g, G.Float32, 2, 4, 8, 8) }, "unet: latents: have a node of shape [2 4 8 8], want [1 4 -1 -1]"},
		{func(in *Nodes) { in.Latents = node(g, G.Float32, 1, 4, 8) }, "unet: latents: have a node of shape [1 4 8]"},
		{func(in *Nodes) { in.Latents = node(g, G.Float32, 1, 4, 1<<30, 1<<30) }, "is too large"},
		{func(in *Nodes) { in.Cond.Tokens = node(g, G.Float32, 1, 77, dim+1) }, "unet: tokens: have a node of shape"},
		{func(in *Nodes) { in.Cond.ClassLabels = node(g, G.Float32, 1) }, "unet: class labels: have them, want none"},
		{func(in *Nodes) { in.Cond.TimeCond = node(g, G.Float32, 1, 1) }, "unet: time cond: have them, want none"},
	} {
		in := good()
		tt.set(&in)
		_, err := u.Build(g, in)
		assert.ErrorContains(t, err, tt.want)
		_, err = u.BuildHead(g, in, 1)
		assert.ErrorContains(t, err, tt.want)
	}

	skip, feature := node(g, G.Float32, 1, 8, 8, 32), node(g, G.Float32, 1, 8, 8, 32)
	for _, bad := range []*G.Node{nil, {}, node(other, G.Float32, 1, 8, 8, 32), node(g, G.Float32, 1, 8, 8), node(g, G.Float32, 1, 8, 8, 33), node(g, G.Float32, 3, 8, 8, 32)} {
		_, err := u.BuildDeep(g, good(), bad, 1)
		assert.ErrorContains(t, err, "unet: ")
		_, err = u.BuildTail(g, good(), []*G.Node{bad}, feature)
		assert.ErrorContains(t, err, "unet: ")
		_, err = u.BuildTail(g, good(), []*G.Node{skip}, bad)
		assert.ErrorContains(t, err, "unet: ")
	}
}
