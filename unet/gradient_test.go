package unet

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

// gradients builds loss = mean((U-Net − target)²) of a golden case, with values bound
// to its inputs, and its derivatives by the latents, the text and all weights, which it
// returns by their names in the case.
func gradients(t *testing.T, u *UNet, c *golden.Case) (inputs []*G.Node, loss *G.Node, wrt map[string]*G.Node) {
	g := G.NewGraph()
	node := func(name string) *G.Node {
		shape := c.Shape(name)
		n := G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
		values := []float32{}
		if name == "timesteps" {
			for _, v := range c.Int64s(name) {
				values = append(values, float32(v))
			}
		} else {
			values = c.Float32s(name)
		}
		require.NoError(t, G.Let(n, engine.Tensor(values, shape...)))
		inputs = append(inputs, n)
		return n
	}
	in := Nodes{Latents: node("sample"), Timesteps: node("timesteps"), Cond: Text(node("encoder_hidden_states"))}
	out, err := u.Build(g, in)
	require.NoError(t, err)
	loss = G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(out, node("target")))))))
	wrt = map[string]*G.Node{"sample": in.Latents, "encoder_hidden_states": in.Cond.Tokens}
	maps.Copy(wrt, u.WeightNodes(g))
	_, err = G.Grad(loss, slices.Collect(maps.Values(wrt))...)
	require.NoError(t, err)
	return inputs, loss, wrt
}

// derivative returns what a machine computed.
func derivative(t *testing.T, n *G.Node) []float32 {
	v, err := n.Grad()
	require.NoError(t, err)
	return v.Data().([]float32)
}

func TestGradients(t *testing.T) {
	for module, model := range map[string]string{"grad_sd15": "tiny-sd15", "grad_sd21_v": "tiny-sd21-v"} {
		t.Run(module, func(t *testing.T) {
			c := golden.Open(t, "modules/"+module)
			inputs, loss, wrt := gradients(t, load(t, model, ""), c)
			outputs := []*G.Node{loss}
			for _, n := range wrt {
				outputs = append(outputs, n.Deriv())
			}
			plan, err := engine.NewPlan(inputs, outputs)
			require.NoError(t, err)
			eng, err := engine.New(nil)
			require.NoError(t, err)
			m, err := plan.NewMachine(&eng.Memory, 0)
			require.NoError(t, err)
			defer m.Close()
			require.NoError(t, m.RunAll())
			assert.InEpsilon(t, c.Float32s("loss")[0], loss.Value().Data(), tolerance)

			got := map[string][]float32{}
			for name, n := range wrt {
				got[name] = derivative(t, n)
			}
			worst, compared := c.CloseGradients(t, got)
			assert.Equal(t, 210, compared) // 208 weights, latents and text
			t.Logf("worst: %.2g of the largest value", worst)
		})
	}
}

// Gorgonia's machine gives the same derivatives.
func TestGradientsOnTapeMachine(t *testing.T) {
	c := golden.Open(t, "modules/grad_sd15")
	_, loss, wrt := gradients(t, load(t, "tiny-sd15", ""), c)
	tape := G.NewTapeMachine(loss.Graph())
	defer tape.Close()
	require.NoError(t, tape.RunAll())
	got := map[string][]float32{}
	for name, n := range wrt {
		got[name] = derivative(t, n)
	}
	c.CloseGradients(t, got)
}
