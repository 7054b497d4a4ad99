package clip

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The config of the published Stable Diffusion 1.5.
const published = `{
  "_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"], "attention_dropout": 0.0,
  "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
  "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
  "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12, "num_hidden_layers": 12,
  "pad_token_id": 1, "projection_dim": 768, "torch_dtype": "float32", "transformers_version": "4.22.0.dev0", "vocab_size": 49408`

func TestUnknownKeys(t *testing.T) {
	for more, want := range map[string][]string{
		`}`: nil,
		`, "new": null, "newer": false, "id2label": {"0": "LABEL_0"}, "top_p": 1.0, "decay": 0.999, "_note": NaN}`: nil,
		`, "rope_theta": 1e4, "qk_norm": Infinity}`: {
			`config.json: the key "qk_norm" is not known and was left out: have Infinity`,
			`config.json: the key "rope_theta" is not known and was left out: have 1e4`,
		},
	} {
		c, err := ParseConfig([]byte(published + more))
		require.NoError(t, err)
		assert.Equal(t, want, c.Warnings, more)
		assert.Equal(t, 768, c.HiddenSize)
	}
	_, err := ParseConfig([]byte(published + `, "quantization_config": {"bits": 8}}`))
	assert.ErrorContains(t, err, "clip: config: quantization_config: have quantized weights, want plain ones")
	_, err = ParseConfig([]byte(published + `, "layer_norm_eps": -Infinity}`))
	assert.ErrorContains(t, err, "clip: config: ")
}
