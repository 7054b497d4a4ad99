package clip

import (
	"encoding/json"
	"fmt"
	"slices"

	"sdgo/internal/config"
	"sdgo/internal/kernel"
	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
)

// Config describes the structure of a CLIPTextModel. It decodes a checkpoint's
// config.json.
type Config struct {
	VocabSize        int     `json:"vocab_size"`
	HiddenSize       int     `json:"hidden_size"`
	IntermediateSize int     `json:"intermediate_size"`
	NumHiddenLayers  int     `json:"num_hidden_layers"`
	NumHeads         int     `json:"num_attention_heads"`
	MaxPositions     int     `json:"max_position_embeddings"`
	HiddenAct        string  `json:"hidden_act"`
	LayerNormEps     float64 `json:"layer_norm_eps"`
	ProjectionDim    int     `json:"projection_dim"`
	EOSTokenID       int     `json:"eos_token_id"`
	ModelType        string  `json:"model_type"`

	// UseAttentionMask says that pipelines hide the padding of prompts from the
	// model; see TextEncoder.EncodeMasked.
	UseAttentionMask bool `json:"use_attention_mask"`

	// Architectures names the class that was saved.
	Architectures []string `json:"architectures"`

	// Warnings are what the model's files say that was not taken into account, such as
	// keys that are not known, one sentence each.
	Warnings []string `json:"-"`
}

// projects says whether the model projects the embedding of a whole text.
func (c *Config) projects() bool {
	return slices.Contains(c.Architectures, "CLIPTextModelWithProjection")
}

// oneOrMore is a list of tokens, or one.
type oneOrMore []int

func (l *oneOrMore) UnmarshalJSON(data []byte) error { return config.List(data, (*[]int)(l)) }

// ParseConfig decodes a config.json, or the text_config in that of a whole
// CLIPModel. A value that is not supported is an error that names it; a key that is
// not known is left out, with a warning in the Config unless it is null or false.
func ParseConfig(data []byte) (Config, error) {
	c := Config{ // what transformers takes for a missing key
		VocabSize: 49408, HiddenSize: 512, IntermediateSize: 2048, NumHiddenLayers: 12, NumHeads: 8,
		MaxPositions: 77, HiddenAct: "quick_gelu", LayerNormEps: 1e-5, ProjectionDim: 512, EOSTokenID: 49407,
		ModelType: "clip_text_model",
	}
	data, err := textConfig(data)
	if err != nil {
		return c, fmt.Errorf("clip: config: %w", quote.Error(err))
	}
	file := struct {
		*Config
		EOS oneOrMore `json:"eos_token_id"` // one or a list
	}{Config: &c}
	if err := pyjson.Unmarshal(data, &file); err != nil {
		return c, fmt.Errorf("clip: config: %w", quote.Error(err))
	}
	var keys map[string]json.RawMessage
	if err := pyjson.Unmarshal(data, &keys); err != nil {
		return c, fmt.Errorf("clip: config: %w", err)
	}
	if raw := keys["quantization_config"]; raw != nil && !pyjson.Empty(raw) {
		return c, fmt.Errorf("clip: config: quantization_config: have quantized weights, want plain ones")
	}
	c.Warnings = config.UnknownKeys(keys, &c, transformersKeys)
	if len(file.EOS) > 0 {
		c.EOSTokenID = file.EOS[0]
	}
	count := func(n, limit int) bool { return n >= 1 && n <= limit }
	_, knownAct := activations[c.HiddenAct]
	err = config.Verify(
		config.Want("model_type", c.ModelType, c.ModelType == "clip_text_model", "clip_text_model"),
		config.Want("vocab_size", c.VocabSize, count(c.VocabSize, 1<<22), "1 to 4194304"),
		config.Want("hidden_size", c.HiddenSize, count(c.HiddenSize, 1<<15), "1 to 32768"),
		config.Want("intermediate_size", c.IntermediateSize, count(c.IntermediateSize, 1<<17), "1 to 131072"),
		config.Want("num_hidden_layers", c.NumHiddenLayers, count(c.NumHiddenLayers, 1<<9), "1 to 512"),
		config.Want("num_attention_heads", c.NumHeads, c.NumHeads > 0 && c.HiddenSize%c.NumHeads == 0, fmt.Sprintf("a divisor of hidden_size (%d)", c.HiddenSize)),
		config.Want("max_position_embeddings", c.MaxPositions, count(c.MaxPositions, 1<<15), "1 to 32768"),
		config.Want("projection_dim", c.ProjectionDim, !c.projects() || count(c.ProjectionDim, 1<<15), "1 to 32768"),
		config.Want("layer_norm_eps", c.LayerNormEps, c.LayerNormEps >= 0 && c.LayerNormEps <= 1, "0 to 1"),
		config.Want("hidden_act", c.HiddenAct, knownAct, "quick_gelu or gelu"),
	)
	if err != nil {
		return c, fmt.Errorf("clip: config: %w", err)
	}
	return c, nil
}

// textConfig returns the config of the text model, which that of a whole CLIPModel
// holds.
func textConfig(data []byte) ([]byte, error) {
	var whole struct {
		ModelType *string         `json:"model_type"`
		Text      json.RawMessage `json:"text_config"`
	}
	if err := pyjson.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	if whole.ModelType == nil && whole.Text == nil || whole.ModelType != nil && *whole.ModelType != "clip" {
		return data, nil
	}
	if len(whole.Text) == 0 || whole.Text[0] != '{' {
		return nil, fmt.Errorf("text_config: have %.20q, want the config of the text model in that of a CLIPModel", whole.Text)
	}
	return whole.Text, nil
}

// activations are the values of hidden_act.
var activations = map[string]kernel.Activation{"quick_gelu": kernel.QuickGELU, "gelu": kernel.GELU}

// transformersKeys are keys that say nothing of a picture: what transformers of any
// version writes into every config, for training, for writing text, or by default.
const transformersKeys = `
add_cross_attention attention_dropout attn_implementation bad_words_ids
begin_suppress_tokens bos_token_id chunk_size_feed_forward
cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample
dropout early_stopping encoder_no_repeat_ngram_size
exponential_decay_length_penalty finetuning_task forced_bos_token_id
forced_eos_token_id gradient_checkpointing id2label initializer_factor
initializer_range is_decoder is_encoder_decoder label2id length_penalty
max_length min_length no_repeat_ngram_size num_beam_groups num_beams
num_return_sequences output_attentions output_hidden_states output_scores
pad_token_id prefix problem_type pruned_heads remove_invalid_values
repetition_penalty return_dict return_dict_in_generate sep_token_id
suppress_tokens task_specific_params temperature tf_legacy_loss tie_encoder_decoder
tie_word_embeddings tokenizer_class top_k top_p torchscript typical_p use_bfloat16
use_cache`
