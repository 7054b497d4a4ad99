package diffusion

import (
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
)

// Options of Stable Diffusion XL are refused where they make no sense, by every call.
func TestXLOptionErrors(t *testing.T) {
	xl, plain := load(t, "tiny-sdxl", nil), load(t, "tiny-sd15", nil)
	dense := func(shape ...int) *tensor.Dense {
		return engine.Tensor(make([]float32, tensor.Shape(shape).TotalSize()), shape...)
	}
	broken := dense(1, 40)
	broken.Float32s()[7] = float32(math.NaN())
	tokens, pooled := dense(1, 9, 80), dense(1, 40)
	const foreign = ": have one, want none: it is for Stable Diffusion XL, which has two text encoders"
	for _, tt := range []struct {
		p            *Pipeline
		option, want string
		o            Options
	}{
		{plain, "Prompt2", "prompt2" + foreign, Options{Prompt2: "a"}},
		{plain, "NegativePrompt2", "negative prompt2" + foreign, Options{NegativePrompt2: "a"}},
		{plain, "PooledCond", "pooled cond" + foreign, Options{PooledCond: pooled}},
		{plain, "NegativePooledCond", "negative pooled cond" + foreign, Options{NegativePooledCond: pooled}},
		{plain, "Framing", "framing" + foreign, Options{Framing: Framing{Crop: image.Pt(1, 0)}}},
		{plain, "NegativeFraming", "negative framing" + foreign, Options{NegativeFraming: Framing{Crop: image.Pt(1, 0)}}},
		{xl, "PooledCond", "pooled cond: have none, want [1 40]: there are embeddings of the tokens", Options{Cond: tokens}},
		{xl, "PooledCond", "pooled cond: have it alone, want embeddings of the tokens beside it, or none", Options{PooledCond: pooled}},
		{xl, "NegativePooledCond", "negative pooled cond: have none", Options{NegativeCond: tokens}},
		{xl, "PooledCond", "pooled cond: have shape [1 48], want [1 40]", Options{Cond: tokens, PooledCond: dense(1, 48)}},
		{xl, "PooledCond", "pooled cond: ", Options{Cond: tokens, PooledCond: broken}},
		{xl, "Cond", "cond: have shape [1 9 32], want [1 -1 80]", Options{Cond: dense(1, 9, 32), PooledCond: pooled}},
		{xl, "Cond", "cond: have embeddings beside a prompt, want one of the two", Options{Cond: tokens, PooledCond: pooled, Prompt2: "a"}},
		{xl, "NegativeCond", "negative cond: have embeddings beside a negative prompt", Options{NegativeCond: tokens, NegativePooledCond: pooled, NegativePrompt2: "a"}},
		{xl, "Framing", "framing: have sizes of (-1,0) and (0,0) pixels, want 0 to 65536", Options{Framing: Framing{Original: image.Pt(-1, 0)}}},
		{xl, "NegativeFraming", "negative framing: have sizes of (0,0) and (0,65537) pixels", Options{NegativeFraming: Framing{Target: image.Pt(0, 65537)}}},
		{xl, "Framing", "framing: have a crop of (0,-65537) pixels, want -65536 to 65536", Options{Framing: Framing{Crop: image.Pt(0, -65537)}}},
	} {
		_, err := tt.p.TextToImage(t.Context(), "", &tt.o)
		var wrong *OptionError
		if assert.ErrorAs(t, err, &wrong, tt.want) {
			assert.Equal(t, tt.option, wrong.Option)
			assert.ErrorContains(t, err, "diffusion: "+tt.want)
		}
	}
	_, err := plain.Plan(&Options{Prompt2: "a"})
	assert.ErrorContains(t, err, "diffusion: prompt2"+foreign)
}

// A folder of another make is refused, with the part that tells.
func TestXLFolders(t *testing.T) {
	for _, tt := range []struct {
		keys map[string]string
		want string
	}{
		{map[string]string{"text_encoder": "[null, null]"}, "the U-Net reads text of width 80 (cross_attention_dim), the text encoder writes 48 (hidden_size)"},
		{map[string]string{"text_encoder_2": `["transformers", "CLIPTextModel"]`}, "text_encoder_2 is a CLIPTextModel, want CLIPTextModelWithProjection"},
		{map[string]string{"text_encoder_2": `["transformers", "T5EncoderModel"]`}, "text_encoder_2 is a T5EncoderModel"},
		{map[string]string{"tokenizer_2": "[null, null]"}, "tokenizer_2 is null"},
		{map[string]string{"text_encoder_2": "7"}, "text_encoder_2: have 7, want [library, class]"},
		{map[string]string{"text_encoder_2": "[null, null]"}, "the U-Net reads text of width 80 (cross_attention_dim), the text encoder writes 32 (hidden_size)"},
		{map[string]string{"force_zeros_for_empty_prompt": `"no"`}, `force_zeros_for_empty_prompt: have "no", want true or false`},
	} {
		_, err := LoadFS(xlWith(t, tt.keys), nil)
		assert.ErrorContains(t, err, tt.want)
	}
	for file, tt := range map[string]struct {
		keys map[string]string
		want string
	}{
		"text_encoder_2/config.json": {map[string]string{"architectures": `["CLIPTextModel"]`}, `architectures: have ["CLIPTextModel"], want CLIPTextModelWithProjection`},
		"text_encoder/config.json":   {map[string]string{"num_hidden_layers": "1"}, "the text encoder has 1 layers (num_hidden_layers), want more than the 1"},
		"unet/config.json":           {map[string]string{"projection_class_embeddings_input_dim": "80"}, "add_embedding.linear_1.weight: have shape [64 88], want [64 80]"},
	} {
		model := with(t, "tiny-sdxl", "", nil)
		model[file] = setKeys(t, model, file, tt.keys)
		_, err := LoadFS(model, nil)
		assert.ErrorContains(t, err, tt.want, file)
	}
	missing := with(t, "tiny-sdxl", "tokenizer_2/vocab.json", nil)
	_, err := LoadFS(missing, nil)
	assert.ErrorContains(t, err, "tokenizer_2: have neither vocab.json nor tokenizer.json")

	p := load(t, "tiny-sdxl", nil)
	*p.UNet.Config.ProjectionInputDim = 72 // two numbers less
	assert.ErrorContains(t, p.check(), "diffusion: the U-Net reads 72 numbers beside the tokens (projection_class_embeddings_input_dim), want 88, for a text of 40")
	p.TextEncoder2, p.Tokenizer2 = nil, nil
	p.UNet.Config.CrossAttentionDim = load(t, "tiny-sd15", nil).UNet.Config.CrossAttentionDim
	assert.ErrorContains(t, p.check(), "diffusion: the U-Net reads more than text (addition_embed_type text_time), as that of Stable Diffusion XL, which has a second text encoder")
}

// A folder whose index lists nothing is known by its second text encoder, and every class
// that was saved with these parts is read.
func TestXLIndexes(t *testing.T) {
	for _, keys := range []map[string]string{
		{"_class_name": `"StableDiffusionXLImg2ImgPipeline"`, "requires_aesthetics_score": "false"},
		{"_class_name": `"StableDiffusionXLInpaintPipeline"`},
		{"_class_name": "null", "text_encoder": "null", "text_encoder_2": "null", "tokenizer": "null", "tokenizer_2": "null", "unet": "null", "vae": "null", "scheduler": "null"},
		{"force_zeros_for_empty_prompt": "null"},
	} {
		p, err := LoadFS(xlWith(t, keys), nil)
		require.NoError(t, err, keys)
		assert.NotNil(t, p.TextEncoder2)
		assert.True(t, p.zeroEmpty, "where the key is missing")
		assert.Empty(t, p.Warnings)
		require.NoError(t, p.Close())
	}
}
