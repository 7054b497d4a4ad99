package gguf

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/ggml"
)

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		t, want ggml.Type
		name    string
		shape   []int
	}{
		{ggml.Q8_0, ggml.Q8_0, "model.diffusion_model.middle_block.1.proj_in.weight", []int{1280, 1280}},
		{ggml.Q8_0, ggml.F16, "model.diffusion_model.input_blocks.1.1.proj_in.weight", []int{320, 320, 1, 1}},
		{ggml.Q8_0, ggml.F16, "model.diffusion_model.input_blocks.0.0.weight", []int{320, 4, 3, 3}},
		{ggml.Q8_0, ggml.F32, "model.diffusion_model.out.0.weight", []int{320}},
		{ggml.F16, ggml.F32, "model.diffusion_model.out.0.bias", []int{320}},
		{ggml.F16, ggml.F32, "logit_scale", nil},
		{ggml.BF16, ggml.BF16, "model.diffusion_model.time_embed.0.weight", []int{1280, 320}},
		{ggml.Q8_0, ggml.F16, "model.diffusion_model.time_embed.0.weight", []int{1280, 320}},
		{ggml.Q4_0, ggml.F16, "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", []int{49408, 768}},
		{ggml.Q4_K, ggml.Q4_K, "a.to_k.weight", []int{320, 768}},
		{ggml.Q4_K, ggml.Q5_0, "a.to_q.weight", []int{320, 320}},
		{ggml.Q6_K, ggml.Q8_0, "a.to_q.weight", []int{320, 320}},
		{ggml.Q5_K, ggml.Q5_1, "a.to_q.weight", []int{320, 320}},
		{ggml.Q3_K, ggml.Q4_0, "a.to_q.weight", []int{320, 320}},
		{ggml.Q2_K, ggml.F16, "a.to_q.weight", []int{320, 48}},
		{ggml.F32, ggml.F32, "a.to_q.weight", []int{320, 48}},
	} {
		assert.Equal(t, tt.want, Choose(tt.t, tt.name, tt.shape), "%v %s %v", tt.t, tt.name, tt.shape)
	}
}
