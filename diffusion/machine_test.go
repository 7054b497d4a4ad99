package diffusion

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

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
