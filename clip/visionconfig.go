package clip

import (
	"encoding/json"
	"fmt"
	"slices"

	"sdgo/internal/config"
	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
)

// VisionConfig describes the structure of a CLIPVisionModel. It decodes a checkpoint's
// config.json.
type VisionConfig struct {
	HiddenSize       int     `json:"hidden_size"`
	IntermediateSize int     `json:"intermediate_size"`
	NumHiddenLayers  int     `json:"num_hidden_layers"`
	NumHeads         int     `json:"num_attention_heads"`
	NumChannels      int     `json:"num_channels"`
	ImageSize        int     `json:"image_size"` // height and width in pixels
	PatchSize        int     `json:"patch_size"`
	HiddenAct        string  `json:"hidden_act"`
	LayerNormEps     float64 `json:"layer_norm_eps"`
	ProjectionDim    int     `json:"projection_dim"`
	ModelType        string  `json:"model_type"`

	// Architectures names the class that was saved.
	Architectures []string `json:"architectures"`

	// Warnings are what the model's files say that was not taken into account, such as
	// keys that are not known, one sentence each.
	Warnings []string `json:"-"`
}

// Tokens is how many tokens an image becomes: one for each patch, and the class token
// before them.
func (c *VisionConfig) Tokens() int {
	if c == nil || c.PatchSize < 1 || c.ImageSize < 1 {
		return 0
	}
	return c.patches()*c.patches() + 1
}

// patches is how many there are along a side. What is left at the border is not seen.
func (c *VisionConfig) patches() int { return c.ImageSize / c.PatchSize }

// projects says whether the model projects the embedding of a whole image.
func (c *VisionConfig) projects() bool {
	return slices.ContainsFunc(c.Architectures, func(a string) bool { return slices.Contains(projected, a) })
}

// projected are the classes with a visual_projection.
var projected = []string{"CLIPVisionModelWithProjection", "CLIPModel", "StableDiffusionSafetyChecker"}

// ParseVisionConfig decodes a config.json, or the vision_config in that of a whole
// CLIPModel. A value that is not supported is an error that names it; a key that is
// not known is left out, with a warning in the config unless it is null or false.
func ParseVisionConfig(data []byte) (VisionConfig, error) {
	c := VisionConfig{ // what transformers takes for a missing key
		HiddenSize: 768, IntermediateSize: 3072, NumHiddenLayers: 12, NumHeads: 12, NumChannels: 3, ImageSize: 224, PatchSize: 32,
		HiddenAct: "quick_gelu", LayerNormEps: 1e-5, ProjectionDim: 512, ModelType: visionType,
	}
	if err := c.parse(data); err != nil {
		return c, fmt.Errorf("clip: config: %w", err)
	}
	return c, nil
}

const visionType = "clip_vision_model"

func (c *VisionConfig) parse(data []byte) error {
	data, whole, err := visionConfig(data)
	if err != nil {
		return quote.Error(err)
	}
	if err := pyjson.Unmarshal(data, c); err != nil {
		return quote.Error(err)
	}
	var keys map[string]json.RawMessage
	if err := pyjson.Unmarshal(data, &keys); err != nil {
		return err
	}
	if whole != nil { // which has the projections of both halves
		c.Architectures = whole.Architectures
		if whole.Projection != nil {
			c.ProjectionDim = *whole.Projection
		}
	}
	if raw := keys["quantization_config"]; raw != nil && !pyjson.Empty(raw) {
		return fmt.Errorf("quantization_config: have quantized weights, want plain ones")
	}
	c.Warnings = config.UnknownKeys(keys, c, transformersKeys)
	return c.verify()
}

// verify wants values that are supported.
func (c *VisionConfig) verify() error {
	count := func(n, limit int) bool { return n >= 1 && n <= limit }
	_, knownAct := activations[c.HiddenAct]
	err := config.Verify(
		config.Want("model_type", c.ModelType, c.ModelType == visionType, visionType),
		config.Want("hidden_size", c.HiddenSize, count(c.HiddenSize, 1<<15), "1 to 32768"),
		config.Want("intermediate_size", c.IntermediateSize, count(c.IntermediateSize, 1<<17), "1 to 131072"),
		config.Want("num_hidden_layers", c.NumHiddenLayers, count(c.NumHiddenLayers, 1<<9), "1 to 512"),
		config.Want("num_attention_heads", c.NumHeads, c.NumHeads > 0 && c.HiddenSize%c.NumHeads == 0, fmt.Sprintf("a divisor of hidden_size (%d)", c.HiddenSize)),
		config.Want("num_channels", c.NumChannels, c.NumChannels == 3, "3"),
		config.Want("image_size", c.ImageSize, count(c.ImageSize, 1<<13), "1 to 8192"),
		config.Want("patch_size", c.PatchSize, count(c.PatchSize, c.ImageSize), fmt.Sprintf("1 to image_size (%d)", c.ImageSize)),
		config.Want("projection_dim", c.ProjectionDim, !c.projects() || count(c.ProjectionDim, 1<<15), "1 to 32768"),
		config.Want("layer_norm_eps", c.LayerNormEps, c.LayerNormEps >= 0 && c.LayerNormEps <= 1, "0 to 1"),
		config.Want("hidden_act", c.HiddenAct, knownAct, "quick_gelu or gelu"),
	)
	if err == nil && c.Tokens() > maxImageTokens {
		err = fmt.Errorf("image_size, patch_size: have %d and %d, which make %d tokens, want at most %d", c.ImageSize, c.PatchSize, c.Tokens(), maxImageTokens)
	}
	return err
}

// maxImageTokens bounds the tokens of an image; the largest of published models have 577.
const maxImageTokens = 1 << 15

// wholeConfig is what that of a whole CLIPModel, or of a model around one, has beside the
// two halves.
type wholeConfig struct {
	ModelType     *string         `json:"model_type"`
	Vision        json.RawMessage `json:"vision_config"`
	Architectures []string        `json:"architectures"`
	Projection    *int            `json:"projection_dim"`
}

// visionConfig returns the config of the vision model, and what holds it or nil.
func visionConfig(data []byte) ([]byte, *wholeConfig, error) {
	var whole wholeConfig
	if err := pyjson.Unmarshal(data, &whole); err != nil {
		return nil, nil, err
	}
	if whole.ModelType == nil && whole.Vision == nil || whole.ModelType != nil && *whole.ModelType != "clip" {
		return data, nil, nil
	}
	if len(whole.Vision) == 0 || whole.Vision[0] != '{' {
		return nil, nil, fmt.Errorf("vision_config: have %.20q, want the config of the vision model in that of a CLIPModel", whole.Vision)
	}
	return whole.Vision, &whole, nil
}

// layers is the config of the layers, which are those of a text encoder.
func (c *VisionConfig) layers() *Config {
	return &Config{HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize, NumHeads: c.NumHeads, HiddenAct: c.HiddenAct, LayerNormEps: c.LayerNormEps}
}
