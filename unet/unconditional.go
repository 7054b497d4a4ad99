package unet

import (
	"fmt"
	"strings"

	"sdgo/internal/config"
)

// UnconditionalConfig describes the structure of a U-Net that reads no text, diffusers'
// UNet2DModel: that of Ho et al. (2020) on pixels, or on the latents of an autoencoder,
// with classes in some. It decodes a checkpoint's config.json as it is.
//
// https://arxiv.org/abs/2006.11239
type UnconditionalConfig struct {
	SampleSize       any    `json:"sample_size"` // of the pictures or latents in training; see Config.Cells
	DiffusersVersion any    `json:"_diffusers_version"`
	NameOrPath       any    `json:"_name_or_path"`
	InChannels       int    `json:"in_channels"`
	OutChannels      int    `json:"out_channels"`
	CenterInput      bool   `json:"center_input_sample"` // reads 2x−1
	TimeType         string `json:"time_embedding_type"` // positional or learned
	TimeDim          *int   `json:"time_embedding_dim"`

	FreqShift        float64  `json:"freq_shift"`
	FlipSinToCos     bool     `json:"flip_sin_to_cos"`
	DownBlockTypes   []string `json:"down_block_types"`
	MidBlockType     *string  `json:"mid_block_type"`
	UpBlockTypes     []string `json:"up_block_types"`
	BlockOutChannels []int    `json:"block_out_channels"`
	LayersPerBlock   int      `json:"layers_per_block"`
	MidScale         float64  `json:"mid_block_scale_factor"` // the middle's layers are divided by it

	DownsamplePadding int    `json:"downsample_padding"`
	DownsampleType    string `json:"downsample_type"` // of blocks with attention: conv or resnet
	UpsampleType      string `json:"upsample_type"`
	Dropout           any    `json:"dropout"` // training only
	ActFn             string `json:"act_fn"`

	// AttentionHeadDim is the number of channels of each head. Nil means one head.
	AttentionHeadDim *int    `json:"attention_head_dim"`
	NormNumGroups    int     `json:"norm_num_groups"`
	AttnNormGroups   *int    `json:"attn_norm_num_groups"` // of the middle's attention
	NormEps          float64 `json:"norm_eps"`
	TimeScaleShift   string  `json:"resnet_time_scale_shift"` // default, or scale_shift
	AddAttention     bool    `json:"add_attention"`           // in the middle
	ClassEmbedType   *string `json:"class_embed_type"`
	NumClassEmbeds   *int    `json:"num_class_embeds"`
	NumTrainSteps    *int    `json:"num_train_timesteps"` // of learned times
}

// unconditionalClass is what diffusers calls the model.
const unconditionalClass = "UNet2DModel"

// parseUnconditional decodes the config.json of a UNet2DModel.
func parseUnconditional(data []byte) (Config, error) {
	mid := midResidual
	u := UnconditionalConfig{ // what diffusers takes for a missing key
		InChannels: 3, OutChannels: 3, TimeType: "positional", FlipSinToCos: true,
		DownBlockTypes: []string{"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"}, MidBlockType: &mid,
		UpBlockTypes:     []string{"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"},
		BlockOutChannels: []int{224, 448, 672, 896}, LayersPerBlock: 2, MidScale: 1,
		DownsamplePadding: 1, DownsampleType: convResample, UpsampleType: convResample, ActFn: "silu",
		AttentionHeadDim: pointer(8), NormNumGroups: 32, NormEps: 1e-5, TimeScaleShift: "default", AddAttention: true,
	}
	warnings, err := config.Decode(data, unconditionalClass, &u)
	if err != nil {
		return Config{}, fmt.Errorf("unet: config: %w", err)
	}
	c := u.config()
	c.Warnings = warnings
	if err := c.validateUnconditional(); err != nil {
		return c, fmt.Errorf("unet: config: %w", err)
	}
	return c, nil
}

func pointer[T any](v T) *T { return &v }

// config is u in the fields that all U-Nets have.
func (u *UnconditionalConfig) config() Config {
	for _, kinds := range [][]string{u.DownBlockTypes, u.UpBlockTypes} {
		for i, kind := range kinds {
			kinds[i] = strings.TrimPrefix(kind, "UNetRes") // as of old
		}
	}
	return Config{
		InChannels: u.InChannels, OutChannels: u.OutChannels, SampleSize: u.SampleSize,
		DiffusersVersion: u.DiffusersVersion, NameOrPath: u.NameOrPath,
		BlockOutChannels: u.BlockOutChannels, DownBlockTypes: u.DownBlockTypes, MidBlockType: u.MidBlockType, UpBlockTypes: u.UpBlockTypes,
		LayersPerBlock: Ints{u.LayersPerBlock}, NormNumGroups: u.NormNumGroups, NormEps: u.NormEps, ConvInKernel: 3, ConvOutKernel: 3,
		FlipSinToCos: u.FlipSinToCos, FreqShift: u.FreqShift, TimeEmbeddingType: u.TimeType, TimeEmbeddingDim: u.TimeDim,
		ClassEmbedType: u.ClassEmbedType, NumClassEmbeds: u.NumClassEmbeds,
		ActFn: u.ActFn, CenterInputSample: u.CenterInput, DownsamplePadding: u.DownsamplePadding, Dropout: u.Dropout,
		MidBlockScaleFactor: u.MidScale, ResnetTimeScaleShift: u.TimeScaleShift, ResnetOutScaleFactor: 1,
		AttentionType: "default", Unconditional: u,
	}
}

// The types of layers between levels, and of residual blocks that the time steers.
const (
	convResample   = "conv"
	resnetResample = "resnet"
	scaleShift     = "scale_shift"
)

// learnedTimes is the time_embedding_type whose times are numbers of a table.
const learnedTimes = "learned"

// The kinds of blocks that a UNet2DModel has here.
var (
	unconditionalDowns = []string{"DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"}
	unconditionalUps   = []string{"UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"}
)

func (c *Config) validateUnconditional() error {
	u, levels := c.Unconditional, len(c.BlockOutChannels)
	kinds := func(have, want []string) bool { return len(have) == levels && subset(have, want...) }
	resample := func(s string) bool { return s == convResample || s == resnetResample }
	err := config.Verify(
		config.Want("in_channels", c.InChannels, positive(c.InChannels), "1 or more"),
		config.Want("out_channels", c.OutChannels, positive(c.OutChannels), "1 or more"),
		config.Want("block_out_channels", c.BlockOutChannels, levels > 0 && levels <= 16 && positive(c.BlockOutChannels...), "1 to 16 positive numbers"),
		config.Want("down_block_types", c.DownBlockTypes, kinds(c.DownBlockTypes, unconditionalDowns), strings.Join(unconditionalDowns, " or ")+" for each level"),
		config.Want("up_block_types", c.UpBlockTypes, kinds(c.UpBlockTypes, unconditionalUps), strings.Join(unconditionalUps, " or ")+" for each level"),
		config.Want("mid_block_type", deref(c.MidBlockType), c.MidBlockType == nil || *c.MidBlockType == midResidual, midResidual+" or null"),
		config.Want("layers_per_block", u.LayersPerBlock, positive(u.LayersPerBlock), "1 or more"),
		config.Want("layers_per_block", u.LayersPerBlock, 2*levels*u.LayersPerBlock <= maxBlocks, fmt.Sprintf("at most %d in all", maxBlocks)),
		config.Want("norm_num_groups", c.NormNumGroups, c.NormNumGroups > 0, "1 or more"),
		config.Want("norm_eps", c.NormEps, c.NormEps >= 0 && c.NormEps <= 1, "0 to 1"),
		config.Want("act_fn", c.ActFn, c.ActFn == "silu" || c.ActFn == "swish", "silu"),
		config.Want("downsample_padding", c.DownsamplePadding, c.DownsamplePadding == 0 || c.DownsamplePadding == 1, "0 or 1"),
		config.Want("downsample_type", u.DownsampleType, resample(u.DownsampleType), "conv or resnet"),
		config.Want("upsample_type", u.UpsampleType, resample(u.UpsampleType), "conv or resnet"),
		config.Want("mid_block_scale_factor", c.MidBlockScaleFactor, c.MidBlockScaleFactor >= 1e-3 && c.MidBlockScaleFactor <= 1e3, "0.001 to 1000"),
		config.Want("resnet_time_scale_shift", c.ResnetTimeScaleShift, subset([]string{c.ResnetTimeScaleShift}, "default", scaleShift), "default or scale_shift"),
		config.Want("time_embedding_type", c.TimeEmbeddingType, subset([]string{c.TimeEmbeddingType}, "positional", learnedTimes), "positional or learned"),
		config.Want("time_embedding_dim", deref(c.TimeEmbeddingDim), c.TimeEmbeddingDim == nil || positive(*c.TimeEmbeddingDim), "a positive number or null"),
		config.Want("num_train_timesteps", deref(u.NumTrainSteps), c.TimeEmbeddingType != learnedTimes || u.NumTrainSteps != nil && positive(*u.NumTrainSteps), "a positive number with time_embedding_type learned"),
		config.Want("class_embed_type", deref(c.ClassEmbedType), c.ClassEmbedType == nil || subset([]string{*c.ClassEmbedType}, classTimestep, classIdentity), "timestep, identity or null"),
		config.Want("class_embed_type", deref(c.ClassEmbedType), c.ClassEmbedType == nil || *c.ClassEmbedType != classTimestep || c.TimeEmbeddingType != learnedTimes, "null or identity with time_embedding_type learned"),
		config.Want("num_class_embeds", deref(c.NumClassEmbeds), c.NumClassEmbeds == nil || positive(*c.NumClassEmbeds), "a positive number or null"),
		config.Want("attention_head_dim", deref(u.AttentionHeadDim), u.AttentionHeadDim == nil || positive(*u.AttentionHeadDim), "a positive number or null"),
	)
	if err != nil {
		return err
	}
	if err := u.validateDivisors(); err != nil {
		return err
	}
	return c.validateEmbeddings()
}

// validateDivisors wants groups and heads to divide the channels of their layers.
func (u *UnconditionalConfig) validateDivisors() error {
	last := len(u.BlockOutChannels) - 1
	for i, ch := range u.BlockOutChannels {
		attends := strings.HasPrefix(u.DownBlockTypes[i], "Attn") || strings.HasPrefix(u.UpBlockTypes[last-i], "Attn") ||
			i == last && u.AddAttention && u.MidBlockType != nil
		of := fmt.Sprintf("a divisor of block_out_channels[%d] = %d", i, ch)
		if err := config.Verify(
			config.Want("norm_num_groups", u.NormNumGroups, ch%u.NormNumGroups == 0, of),
			config.Want("attention_head_dim", deref(u.AttentionHeadDim), !attends || u.heads(ch)*u.headDim(ch) == ch, of),
		); err != nil {
			return err
		}
	}
	ch := u.BlockOutChannels[last]
	if n := u.AttnNormGroups; n != nil {
		return config.Verify(config.Want("attn_norm_num_groups", *n, positive(*n) && ch%*n == 0, fmt.Sprintf("a divisor of block_out_channels[%d] = %d, or null", last, ch)))
	}
	return nil
}

// headDim is how many of so many channels a head has, and heads how many heads there are.
func (u *UnconditionalConfig) headDim(channels int) int {
	if u.AttentionHeadDim == nil {
		return channels
	}
	return *u.AttentionHeadDim
}

func (u *UnconditionalConfig) heads(channels int) int { return channels / u.headDim(channels) }

// midGroups is how many groups the middle's attention normalises, or 0: it does not.
func (u *UnconditionalConfig) midGroups() int {
	switch {
	case u.AttnNormGroups != nil:
		return *u.AttnNormGroups
	case u.TimeScaleShift == "default":
		return u.NormNumGroups
	}
	return 0
}

// resamples says whether a residual block leads from a block of a kind to the next level,
// and no convolution: where its type, which blocks with attention follow, says so.
func resamples(kind, resampleType string) bool {
	return strings.HasPrefix(kind, "Resnet") || strings.HasPrefix(kind, "Attn") && resampleType == resnetResample
}
