package vae

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

// The derivatives of loss = mean((half − target)²) of both halves, by their inputs and
// all their weights, are the reference's.
func TestGradients(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	c := golden.Open(t, "modules/grad_vae")
	all := 0
	for _, half := range []struct {
		input, target, loss string
		build               func(*G.ExprGraph, *G.Node) (*G.Node, error)
	}{
		{"images", "moments_target", "encoder.loss", v.BuildEncoder},
		{"latents", "images_target", "decoder.loss", v.BuildDecoder},
	} {
		g := G.NewGraph()
		node := func(name string) *G.Node {
			shape := c.Shape(name)
			n := G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
			require.NoError(t, G.Let(n, engine.Tensor(c.Float32s(name), shape...)))
			return n
		}
		x, target := node(half.input), node(half.target)
		out, err := half.build(g, x)
		require.NoError(t, err)
		loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(out, target))))))
		wrt := v.WeightNodes(g)
		wrt[half.input] = x
		grads, err := G.Grad(loss, slices.Collect(maps.Values(wrt))...)
		require.NoError(t, err)

		plan, err := engine.NewPlan([]*G.Node{x, target}, append(G.Nodes{loss}, grads...))
		require.NoError(t, err)
		eng, err := engine.New(nil)
		require.NoError(t, err)
		m, err := plan.NewMachine(&eng.Memory, 0)
		require.NoError(t, err)
		defer m.Close()
		require.NoError(t, m.RunAll())
		assert.InEpsilon(t, c.Float32s(half.loss)[0], loss.Value().Data(), tolerance)
		got := map[string][]float32{}
		for name, n := range wrt {
			v, err := n.Grad()
			require.NoError(t, err)
			got[name] = v.Data().([]float32)
		}
		worst, compared := c.CloseGradients(t, got)
		t.Logf("%s: %d gradients, worst %.2g of the largest value", half.input, compared, worst)
		assert.Equal(t, len(wrt), compared)
		all += compared
	}
	assert.Equal(t, 182, all) // 180 weights and two inputs
}
