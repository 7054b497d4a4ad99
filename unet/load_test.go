package unet

import (
	"io/fs"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/report"
	"sdgo/safetensors"
)

func TestBadWeights(t *testing.T) {
	_, err := LoadFS(folder(t, func(_ *string, tensors map[string]safetensors.Tensor) {
		delete(tensors, "conv_in.bias")
		delete(tensors, "mid_block.resnets.0.conv1.weight")
		x := tensors["conv_out.weight"]
		x.Shape = []int{4, 3, 3, 16}
		tensors["conv_out.weight"] = x
	}), ".", nil)
	var problems *report.WeightsError
	require.ErrorAs(t, err, &problems)
	assert.Equal(t, []string{
		"conv_in.bias: missing, want [16]",
		"mid_block.resnets.0.conv1.weight: missing, want [32 32 3 3]",
		"conv_out.weight: have shape [4 3 3 16], want [4 16 3 3]",
	}, problems.Problems)
	assert.NotContains(t, err.Error(), "such as")

	_, err = LoadFS(folder(t, func(_ *string, tensors map[string]safetensors.Tensor) {
		data := make([]float32, 16)
		data[5] = float32(math.NaN())
		tensors["conv_in.bias"], _ = safetensors.NewFloat32("conv_in.bias", []int{16}, data)
	}), ".", nil)
	assert.EqualError(t, err, "unet: conv_in.bias: element 5 is NaN, want finite numbers")
}

// A key that is not known is left out, unless the weights have a structure for it.
func TestUnknownKeys(t *testing.T) {
	change := func(config *string, _ map[string]safetensors.Tensor) {
		*config = strings.Replace(*config, "{", `{"use_new": true, "decay": 0.9999, "newer": null,`, 1)
	}
	u, err := LoadFS(folder(t, change), ".", nil)
	require.NoError(t, err)
	assert.Equal(t, []string{`config.json: the key "use_new" is not known and was left out: have true`}, u.Config.Warnings)
	require.NoError(t, u.Close())

	u, err = LoadFS(folder(t, func(config *string, _ map[string]safetensors.Tensor) {
		*config = strings.Replace(*config, `"conv_in_kernel": 3`, `"conv_in_kernel": 5, "_use_default_values": ["conv_in_kernel"]`, 1)
	}), ".", nil)
	require.NoError(t, err, "the default")
	assert.Equal(t, 3, u.Config.ConvInKernel)
	require.NoError(t, u.Close())

	u, err = LoadFS(folder(t, func(config *string, tensors map[string]safetensors.Tensor) {
		change(config, tensors)
		tensors["loss.logvar"], _ = safetensors.NewFloat32("loss.logvar", []int{1}, []float32{1})
	}), ".", nil)
	require.NoError(t, err, "of training")
	require.NoError(t, u.Close())

	more := func(_ *string, tensors map[string]safetensors.Tensor) {
		tensors["new.weight"], _ = safetensors.NewFloat32("new.weight", []int{1}, []float32{1})
	}
	u, err = LoadFS(folder(t, more), ".", nil)
	require.NoError(t, err, "a tensor that nothing needs")
	require.NoError(t, u.Close())
	_, err = LoadFS(folder(t, func(config *string, tensors map[string]safetensors.Tensor) {
		change(config, tensors)
		more(config, tensors)
	}), ".", nil)
	assert.EqualError(t, err, `unet: new.weight: have 1 tensors that the config does not account for, though config.json: the key "use_new" is not known and was left out: have true`)
}

// What a file of other tensors is.
func TestOtherTensors(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"", "module.", `unet: have names with "module." before them: 208 problems with the weights`},
		{"conv_in.weight", "input_blocks.0.0.weight", `unet: have tensors of a checkpoint in one file, in names that diffusers' from_single_file knows, such as "input_blocks.0.0.weight": conv_in.weight: missing`},
		{"conv_in.bias", "conv_in.lora_A.weight", `unet: have tensors of a LoRA, which is no model, such as "conv_in.lora_A.weight": conv_in.bias: missing`},
		{"up_blocks.", "controlnet_down_blocks.", "have tensors of a ControlNet, which steers a U-Net, such as"},
		{"conv_out.bias", "other", "unet: conv_out.bias: missing"},
	} {
		_, err := LoadFS(folder(t, func(_ *string, tensors map[string]safetensors.Tensor) {
			for name, x := range maps.Clone(tensors) {
				if rest, ok := strings.CutPrefix(name, tt.from); ok {
					delete(tensors, name)
					x.Name = tt.to + rest
					tensors[x.Name] = x
				}
			}
		}), ".", nil)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestPipelineFolder(t *testing.T) {
	_, err := LoadFS(golden.Model(t, "tiny-sd15"), ".", nil)
	assert.ErrorContains(t, err, "unet: have the folder of a pipeline, want that of one model in it: ")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestBadConfig(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{`"act_fn": "silu"`, `"act_fn": "mish"`, "unet: config: act_fn: have mish, want silu"},
		{`"UNet2DConditionModel"`, `"ControlNetModel"`, "unet: config.json: have a ControlNetModel (a network that steers a U-Net), want a UNet2DConditionModel"},
		{`"in_channels": 4`, `"in_channels": "4"`, "in_channels"},
		{`"in_channels": 4`, `"in_channels": -1`, "unet: config: in_channels: have -1, want 1 or more"},
		{`"DownBlock2D"`, `"AttnDownBlock2D"`, "down_block_types"},
		{`"norm_num_groups": 8`, `"norm_num_groups": 7`, "norm_num_groups: have 7, want a divisor of block_out_channels[0] = 16"},
		{`"norm_num_groups": 8`, `"norm_num_groups": 0`, "norm_num_groups: have 0, want 1 or more"},
		{`"attention_head_dim": 4`, `"attention_head_dim": 0`, "attention_head_dim: have [0], want a positive number"},
		{`"attention_head_dim": 4`, `"attention_head_dim": -2`, "attention_head_dim: have [-2], want a positive number"},
		{`"cross_attention_dim": 32`, `"cross_attention_dim": 9223372036854775807`, "cross_attention_dim: have [9223372036854775807], want a positive number"},
		{`"layers_per_block": 1`, `"layers_per_block": 32768`, "which make"},
		{`"transformer_layers_per_block": 1`, `"transformer_layers_per_block": 32768`, "blocks, want at most 512"},
		{`"norm_eps": 1e-05`, `"norm_eps": -1`, "norm_eps: have -1, want 0 to 1"},
		{`"freq_shift": 0`, `"freq_shift": 8`, "freq_shift: have 8, want less than 8, half of block_out_channels[0]"},
		{`"addition_embed_type": null`, `"addition_embed_type": "text_image"`, "addition_embed_type: have text_image, want text_time or null"},
		{`"addition_embed_type": null`, `"addition_embed_type": "text_time"`, "addition_time_embed_dim: have <nil>, want an even number"},
		{`"act_fn": "silu"`, `"_use_default_values": {}`, "_use_default_values: have {}, want a list of keys"},
		{`{`, `[`, "config.json: offset 17"},
	} {
		_, err := LoadFS(folder(t, func(config *string, _ map[string]safetensors.Tensor) {
			require.Contains(t, *config, tt.from)
			*config = strings.Replace(*config, tt.from, tt.to, 1)
		}), ".", nil)
		assert.ErrorContains(t, err, tt.want)
	}
}
