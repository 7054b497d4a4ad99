package unet

import (
	"fmt"

	"sdgo/internal/config"
)

// Config describes the structure of a UNet2DConditionModel, or what a UNet2DModel has in
// common with it. It decodes a checkpoint's config.json as it is.
type Config struct {
	InChannels       int      `json:"in_channels"`
	OutChannels      int      `json:"out_channels"`
	SampleSize       any      `json:"sample_size"` // of the latents in training; see Cells
	DiffusersVersion any      `json:"_diffusers_version"`
	NameOrPath       any      `json:"_name_or_path"` // where the model came from
	BlockOutChannels []int    `json:"block_out_channels"`
	DownBlockTypes   []string `json:"down_block_types"`
	MidBlockType     *string  `json:"mid_block_type"`
	UpBlockTypes     []string `json:"up_block_types"`
	LayersPerBlock   Ints     `json:"layers_per_block"`
	NormNumGroups    int      `json:"norm_num_groups"`
	NormEps          float64  `json:"norm_eps"`
	ConvInKernel     int      `json:"conv_in_kernel"`
	ConvOutKernel    int      `json:"conv_out_kernel"`

	CrossAttentionDim Ints `json:"cross_attention_dim"`
	// AttentionHeadDim is the number of heads of each level, for historical
	// reasons, unless NumAttentionHeads is given.
	AttentionHeadDim          Ints   `json:"attention_head_dim"`
	NumAttentionHeads         Ints   `json:"num_attention_heads"`
	TransformerLayersPerBlock Depths `json:"transformer_layers_per_block"`
	// ReverseTransformerLayers is that of the way up, whose blocks are counted from the
	// lowest level, as SSD-1B has it. Nil means the same as on the way down.
	ReverseTransformerLayers Depths `json:"reverse_transformer_layers_per_block"`
	OnlyCrossAttention       Bools  `json:"only_cross_attention"`
	MidBlockOnlyCross        *bool  `json:"mid_block_only_cross_attention"`
	DualCrossAttention       bool   `json:"dual_cross_attention"`
	UseLinearProjection      bool   `json:"use_linear_projection"`
	UpcastAttention          any    `json:"upcast_attention"` // all is float32 here
	AttentionType            string `json:"attention_type"`
	CrossAttentionNorm       any    `json:"cross_attention_norm"`

	FlipSinToCos       bool    `json:"flip_sin_to_cos"`
	FreqShift          float64 `json:"freq_shift"`
	TimeEmbeddingType  string  `json:"time_embedding_type"`
	TimeEmbeddingDim   *int    `json:"time_embedding_dim"`
	TimeEmbeddingAct   any     `json:"time_embedding_act_fn"`
	TimestepPostAct    any     `json:"timestep_post_act"`
	TimeCondProjDim    *int    `json:"time_cond_proj_dim"` // width of Conditioning.TimeCond
	ClassEmbedType     *string `json:"class_embed_type"`
	NumClassEmbeds     *int    `json:"num_class_embeds"`
	ProjectionInputDim *int    `json:"projection_class_embeddings_input_dim"`
	ClassConcat        any     `json:"class_embeddings_concat"`
	AdditionEmbedType  *string `json:"addition_embed_type"`
	AdditionTimeDim    *int    `json:"addition_time_embed_dim"`
	AdditionHeads      any     `json:"addition_embed_type_num_heads"`
	EncoderHidDim      any     `json:"encoder_hid_dim"`
	EncoderHidDimType  any     `json:"encoder_hid_dim_type"`

	ActFn                string  `json:"act_fn"`
	CenterInputSample    bool    `json:"center_input_sample"`
	DownsamplePadding    int     `json:"downsample_padding"`
	Dropout              any     `json:"dropout"` // training only
	MidBlockScaleFactor  float64 `json:"mid_block_scale_factor"`
	ResnetTimeScaleShift string  `json:"resnet_time_scale_shift"`
	ResnetOutScaleFactor float64 `json:"resnet_out_scale_factor"`
	ResnetSkipTimeAct    bool    `json:"resnet_skip_time_act"`

	// Unconditional is the structure of a UNet2DModel, which reads no text; nil of others.
	// Of the other fields those then tell which it has too.
	Unconditional *UnconditionalConfig `json:"-"`

	// Warnings are what the model's files say that was not taken into account, such as
	// keys that are not known, one sentence each.
	Warnings []string `json:"-"`
}

// The values of mid_block_type beside null: residual block, transformer, residual block;
// and one residual block alone.
const (
	midAttention = "UNetMidBlock2DCrossAttn"
	midResidual  = "UNetMidBlock2D"
)

// defaultConfig returns what a key that a config.json lacks means to diffusers.
func defaultConfig() Config {
	mid := midAttention
	return Config{
		InChannels: 4, OutChannels: 4,
		BlockOutChannels: []int{320, 640, 1280, 1280},
		DownBlockTypes:   []string{"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"},
		MidBlockType:     &mid,
		UpBlockTypes:     []string{"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"},
		LayersPerBlock:   Ints{2}, NormNumGroups: 32, NormEps: 1e-5, ConvInKernel: 3, ConvOutKernel: 3,
		CrossAttentionDim: Ints{1280}, AttentionHeadDim: Ints{8}, TransformerLayersPerBlock: Depths{{1}},
		OnlyCrossAttention: Bools{false}, AttentionType: "default",
		FlipSinToCos: true, TimeEmbeddingType: "positional",
		ActFn: "silu", DownsamplePadding: 1, MidBlockScaleFactor: 1,
		ResnetTimeScaleShift: "default", ResnetOutScaleFactor: 1,
	}
}

// class is what diffusers calls the model.
const class = "UNet2DConditionModel"

// ParseConfig decodes a config.json. A value that is not supported, or a key of
// another class, is an error that names it; a key that is not known at all is left out,
// with a warning in the Config unless it is null or false.
func ParseConfig(data []byte) (Config, error) {
	if config.ClassOf(data, class, unconditionalClass) == unconditionalClass {
		return parseUnconditional(data)
	}
	c := defaultConfig()
	warnings, err := config.Decode(data, class, &c)
	if err != nil {
		return c, fmt.Errorf("unet: config: %w", err)
	}
	c.Warnings = warnings
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("unet: config: %w", err)
	}
	return c, nil
}
