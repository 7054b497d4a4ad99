package adapter

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// shapes are tensors without numbers.
type shapes map[string][]int

func (s shapes) Names() []string { return slices.Sorted(maps.Keys(s)) }

func (s shapes) Tensor(name string) (shape []int, dtype string, ok bool) {
	shape, ok = s[name]
	return shape, "F32", ok
}

// Modules are found by the names that tools give them.
func TestNames(t *testing.T) {
	unet := shapes{
		"conv_in.weight": {4, 4, 3, 3}, "time_embedding.linear_1.weight": {8, 4},
		"down_blocks.0.resnets.0.conv1.weight":                                           {4, 4, 3, 3},
		"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight":              {4, 4},
		"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight":          {4, 4},
		"down_blocks.0.downsamplers.0.conv.weight":                                       {4, 4, 3, 3},
		"up_blocks.0.resnets.0.conv1.weight":                                             {4, 4, 3, 3},
		"up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight":                {4, 4},
		"up_blocks.0.upsamplers.0.conv.weight":                                           {4, 4, 3, 3},
		"up_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_k_ip.0.weight": {4, 4},
	}
	text := shapes{"text_model.encoder.layers.0.self_attn.q_proj.weight": {4, 4}, "text_projection.weight": {4, 4}}
	new := shapes{"encoder.layers.0.self_attn.q_proj.weight": {4, 4}} // of transformers 5
	q, out, up := "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0", "up_blocks.0.upsamplers.0.conv"
	first, second := "text_model.encoder.layers.0.self_attn.q_proj", "text_model.encoder.layers.0.self_attn.q_proj"
	one := map[string]Tensors{UNet: unet, TextEncoder: text}
	xl := map[string]Tensors{UNet: unet, TextEncoder: new, TextEncoder2: text}
	refiner := map[string]Tensors{UNet: unet, TextEncoder2: text}
	for _, tt := range []struct {
		parts              map[string]Tensors
		name, part, module string
	}{
		{one, "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", UNet, q},
		{one, "lycoris_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0", UNet, out},
		{one, "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q", UNet, q},
		{one, "lora_unet_input_blocks_2_0_op", UNet, "down_blocks.0.downsamplers.0.conv"},
		{one, "lora_unet_output_blocks_0_2_conv", UNet, up},
		{one, "lora_unet_time_embed_0", UNet, "time_embedding.linear_1"},
		{one, "diffusion_model.input_blocks.1.0.in_layers.2", UNet, "down_blocks.0.resnets.0.conv1"},
		{one, "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q", UNet, q},
		{one, "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_out", UNet, out},
		{one, "unet.up_blocks.0.upsamplers.0.conv", UNet, up},
		{one, "base_model.model.up_blocks.0.upsamplers.0.conv", UNet, up},
		{one, "conv_in", UNet, "conv_in"},
		{one, "lora_te_text_model_encoder_layers_0_self_attn_q_proj", TextEncoder, first},
		{one, "text_encoder.text_model.encoder.layers.0.self_attn.q_proj", TextEncoder, first},
		{one, "text_model.encoder.layers.0.self_attn.q_proj", TextEncoder, first},
		{one, "lora_te2_text_model_encoder_layers_0_self_attn_q_proj", "", ""},
		{xl, "lora_te1_text_model_encoder_layers_0_self_attn_q_proj", TextEncoder, "encoder.layers.0.self_attn.q_proj"},
		{xl, "text_encoder.encoder.layers.0.self_attn.q_proj", TextEncoder, "encoder.layers.0.self_attn.q_proj"},
		{xl, "lora_te2_text_model_encoder_layers_0_self_attn_q_proj", TextEncoder2, second},
		{xl, "lora_te2_text_projection", TextEncoder2, "text_projection"},
		{xl, "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj", TextEncoder2, second},
		{refiner, "lora_te_text_model_encoder_layers_0_self_attn_q_proj", TextEncoder2, second},
		{refiner, "lora_te1_text_model_encoder_layers_0_self_attn_q_proj", "", ""},
		{one, "lora_transformer_blocks_0_attn_to_q", "", ""},
	} {
		found := NewTargets(tt.parts).byName[tt.name]
		if tt.part == "" {
			assert.Nil(t, found, tt.name)
			continue
		}
		if assert.NotNil(t, found, tt.name) {
			assert.Equal(t, [2]string{tt.part, tt.module}, [2]string{found.Part, found.Module}, tt.name)
		}
	}
}

// Names of tensors come apart, whatever the tool.
func TestSplit(t *testing.T) {
	for name, want := range map[string]struct {
		module string
		role   role
	}{
		"a.b.lora_down.weight":                   {"a.b", down},
		"a.to_q_lora.up.weight":                  {"a.to_q", up},
		"a.lora.down.weight":                     {"a", down},
		"a.q_proj.lora_linear_layer.up.weight":   {"a.q_proj", up},
		"a.lora_A.weight":                        {"a", down},
		"a.lora_A.default.weight":                {"a", down},
		"a.lora_B.my_style.weight":               {"a", up},
		"a.lora_magnitude_vector":                {"a", magnitudeVector},
		"a.lora_magnitude_vector.weight":         {"a", magnitudeVector},
		"a.lora_magnitude_vector.default":        {"a", magnitudeVector},
		"a.lora_magnitude_vector.default.weight": {"a", magnitudeVector},
		"a.alpha":                                {"a", alpha},
		"a.lokr_w1_a":                            {"a", lokr1a},
		"a.weight":                               {"a", ia3},
		"alpha":                                  {"", ""},
		".alpha":                                 {"", ""},
		"a.scalars":                              {"", ""},
	} {
		module, r := split(name)
		assert.Equal(t, want.module, module, name)
		assert.Equal(t, want.role, r, name)
	}
}
