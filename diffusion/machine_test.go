package diffusion

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/nn"
	"sdgo/unet"
)

// A graph that outlives its model, and a machine that was closed, give errors and read
// no memory that was given back.
func TestMachineAfterClose(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	g := G.NewGraph()
	node := func(name string, shape ...int) *G.Node {
		n := G.NewTensor(g, G.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
		require.NoError(t, G.Let(n, nn.Tensor(shape...)))
		return n
	}
	in := unet.Nodes{
		Latents: node("latents", 1, 4, 8, 8), Timesteps: node("timesteps", 1),
		Cond: unet.Text(node("cond", 1, 77, p.TextEncoder.Config.HiddenSize)),
	}
	out, err := p.UNet.Build(g, in)
	require.NoError(t, err)
	inputs, outputs := []*G.Node{in.Latents, in.Timesteps, in.Cond.Tokens}, []*G.Node{out}
	first, err := NewMachine(inputs, outputs)
	require.NoError(t, err)
	require.NoError(t, first.RunAll())
	require.NoError(t, first.Close())
	assert.EqualError(t, first.RunAll(), "engine: machine: have one that is closed")
	require.NoError(t, first.Close())

	second, err := NewMachine(inputs, outputs)
	require.NoError(t, err)
	defer second.Close()
	tape := G.NewTapeMachine(g)
	defer tape.Close()
	require.NoError(t, p.Close())
	assert.ErrorContains(t, second.RunAll(), "the model is closed")
	assert.ErrorContains(t, tape.RunAll(), "the model is closed")
	third, err := NewMachine(inputs, outputs)
	if err == nil {
		err = third.RunAll()
		third.Close()
	}
	assert.ErrorContains(t, err, "the model is closed")
	for _, weight := range p.UNet.WeightNodes(g) {
		assert.ErrorContains(t, Trainable(weight), "the model is closed")
	}
}

// An output that nothing computes, an input or a weight, keeps the value that it has.
func TestMachineGivenOutputs(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float32, G.WithShape(3), G.WithName("x"))
	given := tensor.New(tensor.WithBacking([]float32{1, 2, 3}))
	require.NoError(t, G.Let(x, given))
	three := G.NewConstant(float32(3))
	y := G.Must(G.Mul(x, three))
	m, err := NewMachine([]*G.Node{x}, []*G.Node{x, three, y})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, m.RunAll())
		assert.Equal(t, []float32{3, 6, 9}, y.Value().Data())
		assert.Same(t, given, x.Value())
		assert.EqualValues(t, 3, three.Value().Data())
	}
	require.NoError(t, m.Close())
	assert.Equal(t, []float32{1, 2, 3}, x.Value().Data(), "memory that was given back")
}

// Token ids, and the tokens of whole texts, that a graph gets wrong are errors that name
// them, on each machine.
func TestMachineBadIDs(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, tt := range []struct {
		id, end float32
		want    string
	}{
		{-1, 0, "op: embed 3 of 1000×32: token id 1 is -1, want a whole number from 0 to 999"},
		{1000, 0, "op: embed 3 of 1000×32: token id 1 is 1000, want"},
		{2.5, 0, "op: embed 3 of 1000×32: token id 1 is 2.5, want"},
		{2, 3, "row 0 is 3, want a whole number from 0 to 2"},
	} {
		g := G.NewGraph()
		ids := G.NewMatrix(g, G.Float32, G.WithShape(1, 3), G.WithName("ids"), G.WithValue(tensor.New(tensor.WithShape(1, 3), tensor.WithBacking([]float32{0, tt.id, 1}))))
		ends := G.NewVector(g, G.Float32, G.WithShape(1), G.WithName("ends"), G.WithValue(tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{tt.end}))))
		_, pooled, err := p.TextEncoder.BuildPooled(g, ids, ends, 0)
		require.NoError(t, err)
		ours, err := NewMachine([]*G.Node{ids, ends}, []*G.Node{pooled})
		require.NoError(t, err)
		for _, m := range []G.VM{ours, G.NewTapeMachine(g)} {
			err := m.RunAll()
			assert.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "internal error")
			require.NoError(t, m.Close())
		}
	}
}
