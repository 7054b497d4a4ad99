package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/pyjson"
)

// foreign are models that stand in folders beside or in place of ours: what they are,
// and keys of their configs that tell them where the class is not given. To leave out
// one of these keys would be to build another structure.
var foreign = map[string]struct {
	what string
	keys string
}{
	"UNet2DModel":                          {"a U-Net without text", "add_attention attn_norm_num_groups downsample_type upsample_type"},
	"UNet1DModel":                          {"a U-Net for signals", "downsample_each_block extra_in_channels out_block_type use_timestep_embedding"},
	"UNet3DConditionModel":                 {"a U-Net for video", ""},
	"UNetMotionModel":                      {"a U-Net for video", "motion_max_seq_length motion_num_attention_heads use_motion_mid_block"},
	"UNetSpatioTemporalConditionModel":     {"a U-Net for video", "num_frames"},
	"ControlNetModel":                      {"a network that steers a U-Net", "conditioning_channels conditioning_embedding_out_channels controlnet_conditioning_channel_order global_pool_conditions"},
	"ControlNetUnionModel":                 {"a network that steers a U-Net", "num_control_type"},
	"UNetControlNetXSModel":                {"a U-Net and a network that steers it", "ctrl_block_out_channels"},
	"T2IAdapter":                           {"a network that steers a U-Net", "adapter_type"},
	"MotionAdapter":                        {"a part of a U-Net for video", "motion_layers_per_block"},
	"VQModel":                              {"an autoencoder with a codebook", "lookup_from_codebook num_vq_embeddings vq_embed_dim"},
	"AutoencoderTiny":                      {"a small autoencoder, TAESD", "encoder_block_out_channels num_encoder_blocks upsampling_scaling_factor"},
	"AsymmetricAutoencoderKL":              {"an autoencoder with a larger decoder", "down_block_out_channels layers_per_down_block"},
	"AutoencoderKLTemporalDecoder":         {"an autoencoder for video", ""},
	"ConsistencyDecoderVAE":                {"an autoencoder whose decoder is a diffusion model", "decoder_down_block_types encoder_double_z"},
	"OnnxRuntimeModel":                     {"a model for ONNX Runtime", ""},
	"RobertaSeriesModelWithTransformation": {"the text encoder of AltDiffusion", ""},
	"T5EncoderModel":                       {"another text encoder", ""},
	"PriorTransformer":                     {"a prior of unCLIP", "clip_embed_dim embedding_proj_dim"},
	"Transformer2DModel":                   {"a diffusion transformer", "num_embeds_ada_norm num_vector_embeds"},
	"Kandinsky3UNet":                       {"the U-Net of Kandinsky 3", ""},
	"StableCascadeUNet":                    {"the U-Net of Stable Cascade", "block_types_per_layer"},
}

// quantized is the key of weights that are not plain numbers.
const quantized = "quantization_config"

// Choose returns which of some classes a config is of, by its _class_name or else by its
// keys, and the error of CheckClass: that for the first if it is of none.
func Choose(keys map[string]json.RawMessage, classes ...string) (string, error) {
	name, _ := ClassName(keys["_class_name"])
	if name = strings.TrimPrefix(name, "Flax"); slices.Contains(classes, name) {
		return name, CheckClass(keys, name)
	}
	var first error
	for _, class := range classes {
		err := CheckClass(keys, class)
		if err == nil {
			return class, nil
		}
		first = cmp.Or(first, err)
	}
	return "", first
}

// ClassOf returns which of some classes a config.json is of, or "": decoding says then
// what is wrong.
func ClassOf(data []byte, classes ...string) string {
	var keys map[string]json.RawMessage
	if pyjson.Unmarshal(data, &keys) != nil {
		return ""
	}
	class, _ := Choose(keys, classes...)
	return class
}

// CheckClass wants the config to be of a class, by its _class_name or else by its keys.
func CheckClass(keys map[string]json.RawMessage, want string) error {
	have, err := ClassName(keys["_class_name"])
	if err != nil {
		return fmt.Errorf("_class_name: %w", err)
	}
	if have != "" && have != want && have != "Flax"+want {
		return fmt.Errorf("have %s, want %s", Describe(have), Describe(want))
	}
	if raw, ok := keys[quantized]; ok && !pyjson.Empty(raw) {
		return fmt.Errorf("%s: have quantized weights, want plain ones", quantized)
	}
	for _, class := range slices.Sorted(maps.Keys(foreign)) {
		if class == want {
			continue
		}
		for key := range strings.FieldsSeq(foreign[class].keys) {
			if raw, ok := keys[key]; ok && !pyjson.Empty(raw) {
				return fmt.Errorf("%s: have a key of %s, want %s", key, Describe(class), Describe(want))
			}
		}
	}
	return nil
}

// Describe says what a model of a class is: "a VQModel (an autoencoder with a codebook)".
func Describe(class string) string {
	article := "a "
	if class != "" && strings.Contains("AEIO", class[:1]) {
		article = "an "
	}
	what := foreign[strings.TrimPrefix(class, "Flax")].what
	if what == "" && (strings.Contains(class, "Transformer") || strings.Contains(class, "DiT")) {
		what = "a diffusion transformer"
	}
	if what == "" {
		return fmt.Sprintf("%s%.80s", article, class)
	}
	return fmt.Sprintf("%s%.80s (%s)", article, class, what)
}

// ClassName reads a _class_name: a text, or the [module, class] of a custom class. It is
// empty if there is none.
func ClassName(raw json.RawMessage) (string, error) {
	var name *string
	var names []string
	switch {
	case raw == nil:
		return "", nil
	case json.Unmarshal(raw, &name) == nil:
		if name == nil {
			return "", nil
		}
		return *name, nil
	case json.Unmarshal(raw, &names) == nil && len(names) > 0:
		return names[len(names)-1], nil
	}
	return "", fmt.Errorf("have %.80s, want a name or [module, name]", raw)
}
