package clip

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
)

// The derivatives of loss = mean((tokens − target)²) by the weights are the
// reference's, the table of tokens among them: textual inversion trains rows of it.
func TestGradients(t *testing.T) {
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	c := golden.Open(t, "modules/grad_text_encoder")
	g := gradient.New(t, c)
	out, err := e.Build(g.ExprGraph, g.Input("input_ids"), 0)
	require.NoError(t, err)
	g.Lose(out, "target")
	g.By(e.WeightNodes(g.ExprGraph))
	got := g.Derivatives("loss", false)

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
	t.Logf("%d derivatives, worst %.2g of the largest value", compared, worst)
	assert.Equal(t, 52, compared)
}

// Both encoders of SDXL are differentiated through the tokens before the last layer,
// which are not normalised, and the embedding of the whole text, which the second
// projects.
func TestPooledGradients(t *testing.T) {
	for _, tt := range []struct {
		module, dir string
		weights     int
	}{
		{"grad_text_encoder_sdxl_1", "text_encoder", 52},
		{"grad_text_encoder_sdxl_2", "text_encoder_2", 53},
	} {
		t.Run(tt.dir, func(t *testing.T) {
			c := golden.Open(t, "modules/"+tt.module)
			e, err := loadEncoder(t, golden.Model(t, "tiny-sdxl"), tt.dir).WithoutNorm()
			require.NoError(t, err)
			var ends []float32
			for _, ids := range inputIDs(c) {
				ends = append(ends, float32(e.End(ids)))
			}
			want, err := e.Encode(t.Context(), inputIDs(c), 1)
			require.NoError(t, err)
			golden.Close(t, c.Float32s("tokens"), want.Tokens.Float32s(), tolerance, "tokens")
			golden.Close(t, c.Float32s("pooled"), want.Pooled.Float32s(), tolerance, "pooled")

			g := gradient.New(t, c)
			tokens, pooled, err := e.BuildPooled(g.ExprGraph, g.Input("input_ids"), g.Add("ends", ends, len(ends)), 1)
			require.NoError(t, err)
			g.Lose(tokens, "tokens_target")
			g.Lose(pooled, "pooled_target")
			g.By(e.WeightNodes(g.ExprGraph))
			assert.Equal(t, tt.weights, g.Compare("loss", false))
		})
	}
}
