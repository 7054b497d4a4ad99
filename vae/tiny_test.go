package vae

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// The small autoencoder gives what diffusers' AutoencoderTiny does, whatever the noise.
func TestTinyGoldens(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-taesd"), ".")
	c := golden.Open(t, "modules/taesd")
	require.NotNil(t, v.Config.Tiny)
	assert.Equal(t, 8, v.Config.Factor())
	assert.True(t, v.HasEncoder())
	assert.Empty(t, v.Config.Warnings)

	p, err := v.Encode(t.Context(), engine.Tensor(c.Float32s("image"), c.Shape("image")...))
	require.NoError(t, err)
	assert.Nil(t, p.LogVar)
	golden.Close(t, c.Float32s("latents"), p.Mean.Float32s(), tolerance, "latents")
	for _, noise := range [][]float32{nil, make([]float32, p.Mean.DataSize()), slices.Repeat([]float32{3}, p.Mean.DataSize())} {
		z, err := p.Sample(noise)
		require.NoError(t, err)
		assert.Equal(t, p.Mean.Float32s(), z.Float32s())
	}
	_, err = p.Sample([]float32{1})
	assert.EqualError(t, err, "vae: noise: have 1 elements, want 192")

	out, err := v.Decode(t.Context(), engine.Tensor(c.Float32s("latent"), c.Shape("latent")...))
	require.NoError(t, err)
	assert.Equal(t, c.Shape("decoded"), []int(out.Shape()))
	golden.Close(t, c.Float32s("decoded"), out.Float32s(), tolerance, "decoded")

	z := slices.Clone(c.Float32s("latents"))
	v.Config.Tiny.ScaleLatents(z)
	golden.Close(t, c.Float32s("scaled_latents"), z, tolerance, "scaled")
	v.Config.Tiny.UnscaleLatents(z)
	golden.Close(t, c.Float32s("unscaled"), z, tolerance, "unscaled")
}

// Latents are clamped softly before they are decoded, so that extreme ones stay finite.
func TestTinyClamps(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-taesd"), ".")
	decode := func(value float32) []float32 {
		out, err := v.Decode(t.Context(), engine.Tensor(slices.Repeat([]float32{value}, 4*4*4), 1, 4, 4, 4))
		require.NoError(t, err)
		return out.Float32s()
	}
	assert.Equal(t, decode(300), decode(1e30))
	assert.NotEqual(t, decode(1), decode(2))
}

// What the image's sides leave over becomes cells, too, as diffusers has it.
func TestTinyOddSizes(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-taesd"), ".")
	for _, tile := range []int{0, 32} {
		p, err := v.Encode(t.Context(), engine.Tensor(make([]float32, 3*61*50), 1, 3, 61, 50), Options{Tile: tile})
		require.NoError(t, err)
		assert.Equal(t, []int{1, 4, 8, 7}, []int(p.Mean.Shape()))
	}
}

func TestTinyConfig(t *testing.T) {
	for _, tt := range []struct{ json, want string }{
		{`{"_class_name": "AutoencoderTiny"}`, ""},
		{`{"encoder_block_out_channels": [8], "num_encoder_blocks": [1], "decoder_block_out_channels": [8], "num_decoder_blocks": [1]}`, ""},
		{`{"_class_name": "AutoencoderTiny", "act_fn": "gelu", "latent_channels": 16, "scaling_factor": 0.5, "force_upcast": false, "block_out_channels": [64]}`, ""},
		{`{"_class_name": "AutoencoderTiny", "decoder_block_out_channels": [8, 8], "num_decoder_blocks": [1, 1], "upsampling_scaling_factor": 8}`, ""},
		{`{"_class_name": "AutoencoderTiny", "act_fn": "mish"}`, "act_fn: have mish, want relu, gelu or silu"},
		{`{"_class_name": "AutoencoderTiny", "upsample_fn": "bilinear"}`, "upsample_fn: have bilinear, want nearest"},
		{`{"_class_name": "AutoencoderTiny", "num_encoder_blocks": [1, 1]}`, "num_encoder_blocks: have [1 1], want 0 to 32 for each of 4 levels"},
		{`{"_class_name": "AutoencoderTiny", "decoder_block_out_channels": [8, 16, 8, 8]}`, "decoder_block_out_channels: have [8 16 8 8], want 1 to 32768, the same for all levels"},
		{`{"_class_name": "AutoencoderTiny", "encoder_block_out_channels": []}`, "encoder_block_out_channels: have [], want 1 to 8 numbers"},
		{`{"_class_name": "AutoencoderTiny", "upsampling_scaling_factor": 3}`, "upsampling_scaling_factor: have 3, want one with which the decoder enlarges by 8"},
		{`{"_class_name": "AutoencoderTiny", "latent_magnitude": 0}`, "latent_magnitude: have 0"},
		{`{"_class_name": "AutoencoderTiny", "scaling_factor": -1}`, "scaling_factor: have -1"},
		{`{"_class_name": "AutoencoderTiny", "num_vq_embeddings": 5}`, "have a key of a VQModel"},
	} {
		c, err := ParseConfig([]byte(tt.json))
		if tt.want == "" {
			require.NoError(t, err, tt.json)
			require.NotNil(t, c.Tiny)
			assert.Equal(t, c.Tiny.DecoderBlockOutChannels, c.BlockOutChannels)
			continue
		}
		require.Error(t, err, tt.json)
		assert.True(t, strings.HasPrefix(err.Error(), "vae: config: ") && strings.Contains(err.Error(), tt.want), err.Error())
	}
}
