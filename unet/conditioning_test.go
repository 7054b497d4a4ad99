package unet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
)

// conditioned reads the input of a golden case that differentiates.
func conditioned(u *UNet, c *golden.Case) Input {
	read := func(name string) *tensor.Dense {
		if !c.Has(name) {
			return nil
		}
		return engine.Tensor(c.Numbers(name), c.Shape(name)...)
	}
	in := Input{Latents: read("sample"), Cond: Conditioning[*tensor.Dense]{
		Tokens: read("encoder_hidden_states"), TokenMask: read("mask"), ImageTokens: read("image_tokens"),
		PooledText: read("text_embeds"), TimeIDs: read("time_ids"), ClassLabels: read("class_labels"),
	}}
	for _, t := range c.Numbers("timesteps") {
		in.Timesteps = append(in.Timesteps, float64(t))
	}
	if c.Has("mid") {
		in.Cond.Residuals = &Residuals[*tensor.Dense]{Mid: read("mid")}
		for i := range u.Branches() {
			in.Cond.Residuals.Down = append(in.Cond.Residuals.Down, read(fmt.Sprintf("down%d", i)))
		}
	}
	return in
}

// Every kind of condition gives the reference's prediction, whole and, but for residuals,
// in parts.
func TestConditions(t *testing.T) {
	for module, model := range map[string]string{
		"sdxl_conditions": "tiny-sdxl", "x4": "tiny-x4-upscaler", "residuals": "tiny-sd15", "mask": "tiny-sd15",
		"image_tokens": "tiny-image-tokens", "class_timestep": "tiny-class-timestep", "class_identity": "tiny-class-identity",
		"class_projection": "tiny-class-projection", "class_simple_projection": "tiny-class-simple_projection",
	} {
		t.Run(module, func(t *testing.T) {
			u, c := load(t, model, ""), golden.Open(t, "modules/grad_"+module)
			in := conditioned(u, c)
			out, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			golden.Close(t, c.Float32s("out"), out.Float32s(), tolerance, "whole")
			if in.Cond.Residuals != nil {
				return
			}
			s, err := u.Split(1, 2, in.Latents.Shape()[2], in.Latents.Shape()[3], in.Cond.Tokens.Shape()[1])
			require.NoError(t, err)
			defer s.Close()
			feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
			require.NoError(t, s.Head(t.Context(), in))
			require.NoError(t, s.Deep(t.Context(), feature))
			parts, err := s.Tail(t.Context(), feature)
			require.NoError(t, err)
			assert.Equal(t, out.Float32s(), parts.Float32s())

			if in.Cond.TokenMask != nil {
				in.Cond.TokenMask = nil
				assert.ErrorContains(t, s.Head(t.Context(), in), "unet: split: have other conditions than in the first Head")
			}
		})
	}
}

// Channels beside the latents are as those among them.
func TestChannels(t *testing.T) {
	u := load(t, "tiny-inpaint", "")
	in := some(u, 1, 8, 8)
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	x := in.Latents.Float32s()
	in.Latents, in.Cond.Channels = engine.Tensor(x[:4*64], 1, 4, 8, 8), engine.Tensor(x[4*64:], 1, 5, 8, 8)
	got, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())

	s, err := u.Split(2, 1, 8, 8, 9)
	require.NoError(t, err)
	defer s.Close()
	feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
	require.NoError(t, s.Head(t.Context(), in))
	require.NoError(t, s.Deep(t.Context(), feature))
	got, err = s.Tail(t.Context(), feature)
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())

	in.Cond.Channels = nn.Tensor(1, 4, 8, 8)
	_, err = u.Predict(t.Context(), in)
	assert.EqualError(t, err, "unet: channels: have shape [1 4 8 8], want [1 5 8 8]")
	in.Latents, in.Cond.Channels = nn.Tensor(1, 9, 8, 8), nn.Tensor(1, 5, 8, 8)
	_, err = u.Predict(t.Context(), in)
	assert.ErrorContains(t, err, "unet: channels: have them, want none")
}

// What a U-Net does not take, or lacks, is an error that says what it takes.
func TestConditionErrors(t *testing.T) {
	const takes = "the U-Net takes tokens [-1 -1 80], token mask [-1 -1] if any, pooled text [-1 -1], time ids [-1 -1]"
	sdxl, x4, images := load(t, "tiny-sdxl", ""), load(t, "tiny-x4-upscaler", ""), load(t, "tiny-image-tokens", "")
	for _, tt := range []struct {
		u      *UNet
		change func(c *Conditioning[*tensor.Dense])
		want   string
	}{
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.Tokens = nil }, "tokens: have none, want [2 -1 80]: " + takes},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.PooledText = nil }, "pooled text: have none, want [2 -1]: " + takes},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.TimeIDs = nil }, "time ids: have none, want [2 -1]: " + takes},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.TimeIDs = nn.Tensor(2, 5) },
			"pooled text, time ids: have 40 numbers and 5 ids, want D numbers and K ids with D + 8·K = 88"},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.ClassLabels = nn.Tensor(2) }, "class labels: have them, want none: " + takes},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.ImageTokens = nn.Tensor(2, 4, 80) }, "image tokens: have them, want none: " + takes},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.TimeCond = nn.Tensor(2, 80) }, "time cond: have them, want none: " + takes},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.TokenMask = nn.Tensor(2, 8) }, "token mask: have numbers for 8 tokens, want for 9"},
		{sdxl, func(c *Conditioning[*tensor.Dense]) { c.TokenMask = nn.Tensor(2, 9) }, "token mask: have all tokens of sample 0 hidden"},
		{sdxl, func(c *Conditioning[*tensor.Dense]) {
			c.TokenMask = engine.Tensor([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0.5, 0, 0, 0, 0, 0, 0}, 2, 9)
		}, "token mask: number 2 of sample 1 is 0.5, want 0 or 1"},
		{x4, func(c *Conditioning[*tensor.Dense]) { c.ClassLabels = nil },
			"class labels: have none, want [2]: the U-Net takes tokens [-1 -1 32], token mask [-1 -1] if any, class labels [-1]"},
		{x4, func(c *Conditioning[*tensor.Dense]) { c.ClassLabels = engine.Tensor([]float32{1, 1000}, 2) },
			"class labels: number 1 is 1000, want a whole number from 0 to 999"},
		{x4, func(c *Conditioning[*tensor.Dense]) { c.ClassLabels = engine.Tensor([]float32{-1, 1}, 2) }, "class labels: number 0 is -1, want"},
		{x4, func(c *Conditioning[*tensor.Dense]) { c.ClassLabels = engine.Tensor([]float32{1, 1.5}, 2) }, "class labels: number 1 is 1.5, want"},
		{images, func(c *Conditioning[*tensor.Dense]) { c.ImageTokens = nn.Tensor(2, 4, 9) }, "image tokens: have shape [2 4 9], want [2 -1 8]"},
	} {
		in := some(tt.u, 2, 8, 8)
		tt.change(&in.Cond)
		_, err := tt.u.Predict(t.Context(), in)
		if assert.Error(t, err) {
			assert.True(t, strings.HasPrefix(err.Error(), "unet: "+tt.want), err.Error())
		}
	}
}
