package clip

import (
	"encoding/json"
	"fmt"
	"slices"

	"sdgo/internal/kernel"
	"sdgo/internal/nn"
	"sdgo/internal/pyjson"
)

// Config describes the structure of a CLIPTextModel. It decodes a checkpoint's
// config.json; keys that do not bear on the result are skipped.
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
}

// projects says whether the model projects the embedding of a whole text.
func (c *Config) projects() bool {
	return slices.Contains(c.Architectures, "CLIPTextModelWithProjection")
}

// ParseConfig decodes a config.json, or the text_config in that of a whole
// CLIPModel. A value that is not supported is an error that names it.
func ParseConfig(data []byte) (Config, error) {
	c := Config{ // what transformers takes for a missing key
		VocabSize: 49408, HiddenSize: 512, IntermediateSize: 2048, NumHiddenLayers: 12, NumHeads: 8,
		MaxPositions: 77, HiddenAct: "quick_gelu", LayerNormEps: 1e-5, ProjectionDim: 512, EOSTokenID: 49407,
		ModelType: "clip_text_model",
	}
	data, err := textConfig(data)
	if err != nil {
		return c, fmt.Errorf("clip: config: %w", err)
	}
	file := struct {
		*Config
		EOS nn.Ints `json:"eos_token_id"` // one or a list
	}{Config: &c}
	if err := pyjson.Unmarshal(data, &file); err != nil {
		return c, fmt.Errorf("clip: config: %w", err)
	}
	if len(file.EOS) > 0 {
		c.EOSTokenID = file.EOS[0]
	}
	count := func(n, limit int) bool { return n >= 1 && n <= limit }
	_, knownAct := activations[c.HiddenAct]
	err = nn.Verify(
		nn.Want("model_type", c.ModelType, c.ModelType == "clip_text_model", "clip_text_model"),
		nn.Want("vocab_size", c.VocabSize, count(c.VocabSize, 1<<22), "1 to 4194304"),
		nn.Want("hidden_size", c.HiddenSize, count(c.HiddenSize, 1<<15), "1 to 32768"),
		nn.Want("intermediate_size", c.IntermediateSize, count(c.IntermediateSize, 1<<17), "1 to 131072"),
		nn.Want("num_hidden_layers", c.NumHiddenLayers, count(c.NumHiddenLayers, 1<<10), "1 to 1024"),
		nn.Want("num_attention_heads", c.NumHeads, c.NumHeads > 0 && c.HiddenSize%c.NumHeads == 0, fmt.Sprintf("a divisor of hidden_size (%d)", c.HiddenSize)),
		nn.Want("max_position_embeddings", c.MaxPositions, count(c.MaxPositions, 1<<15), "1 to 32768"),
		nn.Want("projection_dim", c.ProjectionDim, !c.projects() || count(c.ProjectionDim, 1<<15), "1 to 32768"),
		nn.Want("hidden_act", c.HiddenAct, knownAct, "quick_gelu or gelu"),
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
