package clip

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// The derivatives of loss = mean((tokens − target)²) by the weights are the
// reference's, the table of tokens among them: textual inversion trains rows of it.
func TestGradients(t *testing.T) {
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	c := golden.Open(t, "modules/grad_text_encoder")
	g := G.NewGraph()
	shape, targetShape := c.Shape("input_ids"), c.Shape("target")
	ids := G.NewMatrix(g, tensor.Float32, G.WithShape(shape...), G.WithName("ids"))
	target := G.NewTensor(g, tensor.Float32, 3, G.WithShape(targetShape...), G.WithName("target"))
	var numbers []float32
	for _, id := range c.Int64s("input_ids") {
		numbers = append(numbers, float32(id))
	}
	require.NoError(t, G.Let(ids, engine.Tensor(numbers, shape...)))
	require.NoError(t, G.Let(target, engine.Tensor(c.Float32s("target"), targetShape...)))
	out, err := e.Build(g, ids, 0)
	require.NoError(t, err)
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(out, target))))))

	weights := e.WeightNodes(g)
	var wrt G.Nodes
	for _, n := range weights {
		wrt = append(wrt, n)
	}
	grads, err := G.Grad(loss, wrt...)
	require.NoError(t, err)
	plan, err := engine.NewPlan([]*G.Node{ids, target}, append(G.Nodes{loss}, grads...))
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	m, err := plan.NewMachine(&eng.Memory, 0)
	require.NoError(t, err)
	defer m.Close()
	require.NoError(t, m.RunAll())
	assert.InEpsilon(t, c.Float32s("loss")[0], loss.Value().Data(), tolerance)

	got := map[string][]float32{}
	for name, n := range weights {
		v, err := n.Grad()
		require.NoError(t, err)
		got[name] = v.Data().([]float32)
	}
	const table = "text_model.embeddings.token_embedding.weight"
	used := map[int]bool{}
	d := e.Config.HiddenSize
	for _, id := range c.Int64s("used_ids") {
		used[int(id)] = true
		got["token_embedding_rows"] = append(got["token_embedding_rows"], got[table][int(id)*d:][:d]...)
	}
	for i, v := range got[table] {
		if !used[i/d] && v != 0 {
			t.Fatalf("token %d, which is not used, has a derivative", i/d)
		}
	}
	worst, compared := c.CloseGradients(t, got)
	t.Logf("%d gradients, worst %.2g of the largest value", compared, worst)
	assert.Greater(t, compared, 10)
}
