package vae

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
)

// The derivatives of loss = mean((half − target)²) of both halves, by their inputs and
// all their weights, are the reference's.
func TestGradients(t *testing.T) {
	for _, tt := range []struct {
		module, model    string
		encoder, decoder int // weights
	}{
		{"grad_vae", "tiny-sd15", 74, 106},
		{"grad_vae_4blk", "tiny-sd15-4blk", 104, 136},
	} {
		t.Run(tt.module, func(t *testing.T) {
			v := load(t, golden.Model(t, tt.model), "vae")
			c := golden.Open(t, "modules/"+tt.module)
			half := func(input, target, loss string, build func(*G.ExprGraph, *G.Node) (*G.Node, error)) int {
				g := gradient.New(t, c)
				x := g.Input(input)
				out, err := build(g.ExprGraph, x)
				require.NoError(t, err)
				g.Lose(out, target)
				g.By(map[string]*G.Node{input: x})
				g.By(v.WeightNodes(g.ExprGraph))
				return g.Compare(loss, false)
			}
			assert.Equal(t, 1+tt.encoder, half("images", "moments_target", "encoder.loss", v.BuildEncoder))
			assert.Equal(t, 1+tt.decoder, half("latents", "images_target", "decoder.loss", v.BuildDecoder))
		})
	}
}
