package adapter_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/adapter"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// tensors are shapes by their names; their numbers are all the same.
type tensors map[string][]int

// file is a file of tensors filled with a number.
func (ts tensors) file(t testing.TB, fill float32, metadata map[string]string) fstest.MapFS {
	var list []safetensors.Tensor
	for name, shape := range ts {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x, err := safetensors.NewFloat32(name, shape, bytesOf(n, fill))
		require.NoError(t, err)
		list = append(list, x)
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, list, metadata))
	return fstest.MapFS{"a.safetensors": {Data: b.Bytes()}}
}

func bytesOf(n int, fill float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = fill
	}
	return x
}

// q is a linear layer [16 16] of tiny-sd15, and conv a convolution [16 16 3 3].
const (
	q    = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
	conv = "lora_unet_down_blocks_0_resnets_0_conv1"
)

func merge(t testing.TB, fsys fstest.MapFS, name string) ([]string, error) {
	f, err := adapter.Open(t.Context(), fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, warnings, err := adapter.Merge(t.Context(), map[string]checkpoint.Source{adapter.UNet: model(t, "tiny-sd15")}, adapter.Use{File: f, Weight: 1})
	return warnings, err
}

// What does not fit is an error that says what was found.
func TestHostile(t *testing.T) {
	nan := float32(math.NaN())
	for _, tt := range []struct {
		name    string
		tensors tensors
		fill    float32
		want    string
	}{
		{"other widths", tensors{q + ".lora_down.weight": {4, 32}, q + ".lora_up.weight": {16, 4}}, 1, "have a LoRA of [16 4] and [4 32] for a weight [16 16]"},
		{"ranks that differ", tensors{q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 3}}, 1, "have a LoRA of [16 3] and [4 16]"},
		{"no rank", tensors{q + ".lora_down.weight": {0, 16}, q + ".lora_up.weight": {16, 0}}, 1, "down: have shape [0 16], want none of its dimensions to be 0"},
		{"one half", tensors{q + ".lora_down.weight": {4, 16}}, 1, "have no up beside it"},
		{"the other half", tensors{q + ".lora_up.weight": {16, 4}}, 1, "have no down beside it"},
		{"a vector", tensors{q + ".lora_down.weight": {16}, q + ".lora_up.weight": {16, 1}}, 1, "down: have shape [16], want two dimensions or more"},
		{"NaN", tensors{q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 4}}, nan, "down: element 0 is NaN, want finite numbers"},
		{"a wrong alpha", tensors{q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 4}, q + ".alpha": {2}}, 1, "alpha: have shape [2], want one number"},
		{"a wrong core", tensors{conv + ".lora_down.weight": {4, 16, 1, 1}, conv + ".lora_up.weight": {16, 4, 1, 1}, conv + ".lora_mid.weight": {4, 4, 5, 5}}, 1, "lora_mid: have shape [4 4 5 5], want [4 4 3 3]"},
		{"a wrong filter", tensors{conv + ".lora_down.weight": {4, 16, 1, 1}, conv + ".lora_up.weight": {16, 4, 1, 1}}, 1, "for a weight [16 16 3 3]"},
		{"a wrong magnitude", tensors{q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 4}, q + ".dora_scale": {5, 1}}, 1, "dora_scale: have shape [5 1] for a weight [16 16]"},
		{"a bias of none", tensors{q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 4}, q + ".diff_b": {16}}, 1, `diff_b: have shape [16] for a module with a weight [16 16] and bias ""`},
		{"LoHa", tensors{q + ".hada_w1_a": {16, 3}, q + ".hada_w1_b": {3, 8}, q + ".hada_w2_a": {16, 3}, q + ".hada_w2_b": {3, 16}}, 1, "have a LoHa of [16 3] and [3 8]"},
		{"half a LoHa", tensors{q + ".hada_w1_a": {16, 3}, q + ".hada_w1_b": {3, 16}}, 1, "have no hada_w2_a beside it"},
		{"a LoHa's core", tensors{conv + ".hada_w1_a": {3, 16}, conv + ".hada_w1_b": {3, 16}, conv + ".hada_t1": {3, 3, 9}, conv + ".hada_w2_a": {3, 16}, conv + ".hada_w2_b": {3, 16}, conv + ".hada_t2": {3, 2, 3, 3}}, 1, "have a LoHa of [3 2 3 3]"},
		{"LoKr", tensors{q + ".lokr_w1": {4, 4}, q + ".lokr_w2": {4, 5}}, 1, "have a LoKr of [4 4] and [4 5]"},
		{"a LoKr's core", tensors{conv + ".lokr_w1": {4, 4}, conv + ".lokr_w2_a": {2, 4}, conv + ".lokr_w2_b": {2, 4}, conv + ".lokr_t2": {2, 2}}, 1, "lokr_t2: have shape [2 2]"},
		{"a LoKr of many numbers", tensors{q + ".lokr_w1": {4, 4}, q + ".lokr_w2_a": {1 << 20, 1}, q + ".lokr_w2_b": {1, 1 << 20}}, 1, "lokr_w2_a and lokr_w2_b: have [1048576 1] and [1 1048576]"},
		{"a LoKr's core of many numbers", tensors{conv + ".lokr_w1": {4, 4}, conv + ".lokr_w2_a": {1, 1 << 20}, conv + ".lokr_w2_b": {1, 1 << 20}, conv + ".lokr_t2": {1, 1, 3, 3}}, 1, "lokr_t2: have shape [1 1 3 3] beside [1 1048576] and [1 1048576]"},
		{"OFT", tensors{q + ".oft_blocks": {4, 4, 5}}, 1, "oft_blocks: have shape [4 4 5]"},
		{"IA³", tensors{q + ".weight": {15}, q + ".on_input": {}}, 1, "have IA³ of shape [15]"},
		{"a whole change", tensors{q + ".diff": {16, 15}}, 1, "have a change of shape [16 15], want [16 16]"},
		{"a magnitude of a norm", tensors{"lora_unet_conv_norm_out.diff": {16}, "lora_unet_conv_norm_out.dora_scale": {16}}, 1, "dora_scale: have one for a weight [16]"},
		{"a norm of a layer", tensors{q + ".w_norm": {16}}, 1, "have a norm for a weight [16 16]"},
		{"GLoRA", tensors{q + ".a1.weight": {4, 4}}, 1, "have a GLoRA, which is not supported"},
		{"a layer of a norm", tensors{"lora_unet_conv_norm_out.lora_down.weight": {1, 1}, "lora_unet_conv_norm_out.lora_up.weight": {16, 1}}, 1, "have a LoRA for a weight [16]"},
		{"a model", tensors{"model.diffusion_model.out.2.weight": {4, 4}}, 1, "no adapter: have 1 tensors, such as"},
		{"nothing", tensors{}, 1, "no adapter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := merge(t, tt.tensors.file(t, tt.fill, nil), "a.safetensors")
			require.ErrorContains(t, err, tt.want)
			assert.Regexp(t, "^adapter: a.safetensors: ", err.Error())
		})
	}
}

// A rank is as large as the file has numbers for.
func TestHugeRank(t *testing.T) {
	warnings, err := merge(t, tensors{q + ".lora_down.weight": {5000, 16}, q + ".lora_up.weight": {16, 5000}}.file(t, 1, nil), "a.safetensors")
	assert.NoError(t, err)
	assert.Empty(t, warnings)
}

// A file that was cut, one that is no adapter at all, and settings that are no JSON.
func TestBroken(t *testing.T) {
	good := tensors{q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 4}}
	fsys := good.file(t, 1, nil)
	data := fsys["a.safetensors"].Data
	for n := 0; n < len(data); n += 17 {
		_, err := merge(t, fstest.MapFS{"a.safetensors": {Data: data[:n]}}, "a.safetensors")
		require.ErrorContains(t, err, "adapter: ", n)
	}
	_, err := merge(t, fstest.MapFS{"a.bin": {Data: data}}, "a.bin")
	assert.ErrorContains(t, err, "adapter: ")
	_, err = merge(t, fstest.MapFS{}, "a.safetensors")
	assert.ErrorContains(t, err, "adapter: ")
	_, err = merge(t, fstest.MapFS{}, "../a")
	assert.ErrorContains(t, err, "adapter: ")
	_, err = merge(t, good.file(t, 1, map[string]string{"lora_adapter_metadata": "{"}), "a.safetensors")
	assert.ErrorContains(t, err, "lora_adapter_metadata")
}

// An adapter of another family is an error that lists what matched and what did not, and
// one that has a few modules more a warning.
func TestMismatch(t *testing.T) {
	ts := tensors{}
	for i := range 30 {
		ts[fmt.Sprintf("lora_unet_double_blocks_%d_img_attn_proj.lora_down.weight", i)] = []int{4, 16}
		ts[fmt.Sprintf("lora_unet_double_blocks_%d_img_attn_proj.lora_up.weight", i)] = []int{16, 4}
	}
	ts[q+".lora_down.weight"], ts[q+".lora_up.weight"] = []int{4, 16}, []int{16, 4}
	_, err := merge(t, ts.file(t, 1, nil), "a.safetensors")
	var mismatch *adapter.MismatchError
	require.True(t, errors.As(err, &mismatch))
	assert.Equal(t, []string{q}, mismatch.Matched)
	assert.Len(t, mismatch.Unmatched, 30)
	assert.ErrorContains(t, err, "this is for another model: 30 modules that the model does not have: lora_unet_double_blocks_")
	assert.ErrorContains(t, err, "and 25 more; 1 modules matched: "+q)

	few := tensors{
		q + ".lora_down.weight": {4, 16}, q + ".lora_up.weight": {16, 4},
		"lora_unet_more.lora_down.weight": {4, 16}, "lora_unet_more.lora_up.weight": {16, 4},
		"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": {4, 16}, "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": {4, 16},
		"lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_down.weight": {4, 16}, "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_up.weight": {4, 16},
		"something": {1},
	}
	warnings, err := merge(t, few.file(t, 1, nil), "a.safetensors")
	require.NoError(t, err)
	require.Len(t, warnings, 4)
	assert.Equal(t, "a.safetensors: 1 modules that the model does not have were left out: lora_unet_more", warnings[0])
	assert.Contains(t, warnings[1], "of a text encoder that the model does not have")
	assert.Contains(t, warnings[2], "under another name, too")
	assert.Contains(t, warnings[3], "1 tensors that are none of an adapter's were left out: something")
}
