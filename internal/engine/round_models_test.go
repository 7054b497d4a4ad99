package engine_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/unet"
	"sdgo/vae"
)

// roundedValues counts a plan's values that are bfloat16, by the operations that compute
// them.
func roundedValues(p *engine.Plan) map[string]int {
	n := map[string]int{}
	for _, a := range p.Actions() {
		if o := a.Operation.String(); strings.HasSuffix(o, "to bfloat16") {
			name, _, _ := strings.Cut(o, " ")
			n[name]++
		}
	}
	return n
}

// Models in bfloat16 give the same bytes with values in it, in no more memory.
func TestRoundedModels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	fsys := golden.Model(t, "tiny-sd15")
	t.Run("unet", func(t *testing.T) {
		u, err := unet.LoadFS(fsys, "unet", &unet.LoadOptions{Precision: "bfloat16"})
		require.NoError(t, err)
		defer u.Close()
		g := G.NewGraph()
		n := unet.Nodes{Latents: input(g, "latents", 2, 4, 16, 12), Timesteps: input(g, "timesteps", 2)}
		n.Cond.Tokens = input(g, "tokens", 2, 7, u.Config.CrossAttentionDim.At(0))
		out, err := u.Build(g, n)
		require.NoError(t, err)
		plan := runBoth(t, []*G.Node{n.Latents, n.Timesteps, n.Cond.Tokens}, []*G.Node{out},
			random(r, 2*4*16*12), []float32{7, 500}, random(r, n.Cond.Tokens.Shape().TotalSize()))
		// Of each of the four transformers: norms, both attentions, their keys and values,
		// and GEGLU.
		assert.Equal(t, map[string]int{"attention": 8, "groupnorm": 4, "layernorm": 12, "linear": 4 * (2*2 + 1)}, roundedValues(plan))
	})
	t.Run("text encoder", func(t *testing.T) {
		e, err := clip.LoadTextEncoderFS(fsys, "text_encoder", &clip.LoadOptions{Precision: "bfloat16"})
		require.NoError(t, err)
		defer e.Close()
		g := G.NewGraph()
		ids := input(g, "ids", 2, 77)
		out, err := e.Build(g, ids, 0)
		require.NoError(t, err)
		numbers := make([]float32, 2*77)
		for i := range numbers {
			numbers[i] = float32(r.IntN(e.Config.VocabSize))
		}
		plan := runBoth(t, []*G.Node{ids}, []*G.Node{out}, numbers)
		assert.Equal(t, map[string]int{"attention": 3, "layernorm": 6, "linear": 3 * (2 + 1)}, roundedValues(plan))
	})
	t.Run("vae", func(t *testing.T) {
		v, err := vae.LoadFS(fsys, "vae", &vae.LoadOptions{Precision: "bfloat16"})
		require.NoError(t, err)
		defer v.Close()
		g := G.NewGraph()
		latents := input(g, "latents", 1, 4, 8, 8)
		out, err := v.BuildDecoder(g, latents)
		require.NoError(t, err)
		plan := runBoth(t, []*G.Node{latents}, []*G.Node{out}, random(r, 4*8*8))
		assert.Equal(t, map[string]int{"attention": 1, "groupnorm": 1, "linear": 2}, roundedValues(plan))
	})
}
