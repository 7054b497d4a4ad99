package vae

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
	"sdgo/internal/nn"
)

// A VQModel encodes, quantizes and decodes as diffusers' does, by tiles or not.
func TestVQGolden(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-ldm-vq"), "vqvae")
	require.NotNil(t, v.Config.VQ)
	assert.Empty(t, v.Config.Warnings)
	assert.Equal(t, 2, v.Config.Factor())
	c := golden.Open(t, "modules/vq")
	p, err := v.Encode(t.Context(), engine.Tensor(c.Float32s("image"), c.Shape("image")...))
	require.NoError(t, err)
	assert.Nil(t, p.LogVar)
	golden.Close(t, c.Float32s("latents"), p.Mean.Float32s(), tolerance, "latents")
	z, err := p.Sample(nil)
	require.NoError(t, err)
	golden.Close(t, scaled(c.Float32s("latents"), v), z.Float32s(), tolerance, "latents, scaled")

	z = engine.Tensor(scaled(c.Float32s("latents"), v), c.Shape("latents")...)
	entries, numbers, err := v.Quantize(t.Context(), z)
	require.NoError(t, err)
	assert.Equal(t, c.Numbers("indices"), numbers.Float32s())
	golden.Close(t, scaled(c.Float32s("quantized"), v), entries.Float32s(), tolerance, "quantized")
	looked, err := v.Lookup(t.Context(), numbers)
	require.NoError(t, err)
	golden.Close(t, entries.Float32s(), looked.Float32s(), tolerance, "looked up")
	for name, o := range map[string]Options{"decoded": {}, "decoded_force_not_quantize": {Unquantized: true}} {
		out, err := v.Decode(t.Context(), z, o)
		require.NoError(t, err)
		golden.Close(t, c.Float32s(name), out.Float32s(), tolerance, name)
	}
	again, err := v.Decode(t.Context(), entries)
	require.NoError(t, err)
	golden.Close(t, c.Float32s("decoded"), again.Float32s(), tolerance, "quantized twice")
}

// With attention beside the blocks, and vectors of another width than the encoder's, all
// is the reference's, derivatives too: that by the latents goes straight through.
func TestVQ(t *testing.T) {
	c := golden.Open(t, "textless/vq-attention")
	var model golden.Named
	c.Decode(&model)
	v, err := LoadFrom(t.Context(), model.Source(t), nil)
	require.NoError(t, err)
	defer v.Close()
	assert.Empty(t, v.Config.Warnings)
	p, err := v.Encode(t.Context(), engine.Tensor(c.Float32s("images"), c.Shape("images")...))
	require.NoError(t, err)
	golden.Close(t, c.Float32s("latents_of_images"), p.Mean.Float32s(), tolerance, "latents")
	z := engine.Tensor(scaled(c.Float32s("latents"), v), c.Shape("latents")...)
	entries, numbers, err := v.Quantize(t.Context(), z)
	require.NoError(t, err)
	assert.Equal(t, c.Numbers("indices"), numbers.Float32s())
	golden.Close(t, scaled(c.Float32s("quantized"), v), entries.Float32s(), tolerance, "quantized")
	looked, err := v.Lookup(t.Context(), numbers)
	require.NoError(t, err)
	golden.Close(t, scaled(c.Float32s("looked_up"), v), looked.Float32s(), tolerance, "looked up")
	out, err := v.Decode(t.Context(), z)
	require.NoError(t, err)
	golden.Close(t, c.Float32s("decoded"), out.Float32s(), tolerance, "decoded")
	out, err = v.Decode(t.Context(), z, Options{Unquantized: true})
	require.NoError(t, err)
	golden.Close(t, c.Float32s("unquantized"), out.Float32s(), tolerance, "unquantized")

	half := func(input, target, loss string, build func(*G.ExprGraph, *G.Node) (*G.Node, error)) int {
		g := gradient.New(t, c)
		x := g.Input(input)
		out, err := build(g.ExprGraph, x)
		require.NoError(t, err)
		g.Lose(out, target)
		g.By(map[string]*G.Node{input: x})
		weights := v.WeightNodes(g.ExprGraph)
		delete(weights, "quantize.embedding.weight") // it has no derivative
		g.By(weights)
		return g.Compare(loss, false)
	}
	assert.Greater(t, half("images", "moments_target", "encoder.loss", v.BuildEncoder), 60)
	assert.Greater(t, half("latents", "images_target", "decoder.loss", v.BuildDecoder), 80)
}

func TestVQErrors(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-ldm-vq"), "vqvae")
	_, err := v.Lookup(t.Context(), engine.Tensor([]float32{64}, 1, 1, 1))
	assert.ErrorContains(t, err, "vae: ")
	assert.ErrorContains(t, err, "is 64, want a whole number from 0 to 63")
	_, _, err = v.Quantize(t.Context(), nn.Tensor(1, 4, 2, 2))
	assert.EqualError(t, err, "vae: latents: have shape [1 4 2 2], want [-1 3 -1 -1]")
	kl := load(t, golden.Model(t, "tiny-sd15"), "vae")
	_, _, err = kl.Quantize(t.Context(), nn.Tensor(1, 4, 2, 2))
	assert.EqualError(t, err, "vae: have no codebook, want a VQModel")
	_, err = kl.Decode(t.Context(), nn.Tensor(1, 4, 2, 2), Options{Unquantized: true})
	assert.ErrorContains(t, err, "vae: options: have unquantized latents")
	for keys, want := range map[string]string{
		`"norm_type": "spatial"`:                    "norm_type: have spatial, want group",
		`"num_vq_embeddings": 0`:                    "num_vq_embeddings: have 0, want 1 to 1048576",
		`"vq_embed_dim": -1`:                        "vq_embed_dim: have -1, want 1 to 1024, or null",
		`"latent_channels": 0`:                      "latent_channels: have 0",
		`"down_block_types": ["KDownEncoderBlock"]`: "down_block_types: have [KDownEncoderBlock], want DownEncoderBlock2D or AttnDownEncoderBlock2D for each level",
		`"scaling_factor": 0`:                       "scaling_factor: have 0",
	} {
		_, err := ParseConfig([]byte(`{"_class_name": "VQModel", ` + keys + `}`))
		if assert.ErrorContains(t, err, want, keys) {
			assert.True(t, strings.HasPrefix(err.Error(), "vae: config: "))
		}
	}
}

// The autoencoder of pixels changes nothing.
func TestPixels(t *testing.T) {
	v, err := Pixels(t.Context(), 3, nil)
	require.NoError(t, err)
	defer v.Close()
	image := golden.Numbers("input.image", 2, 3, 5, 7)
	p, err := v.Encode(t.Context(), image)
	require.NoError(t, err)
	z, err := p.Sample(make([]float32, image.DataSize()))
	require.NoError(t, err)
	assert.Equal(t, image.Float32s(), z.Float32s())
	out, err := v.Decode(t.Context(), z)
	require.NoError(t, err)
	assert.Equal(t, image.Float32s(), out.Float32s())
	_, err = Pixels(t.Context(), 0, nil)
	assert.EqualError(t, err, "vae: pixels: have 0 channels, want 1 to 1024")
}
