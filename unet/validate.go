package unet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sdgo/internal/config"
)

// These bound what a config may ask for; the largest published models have a fifth of
// it.
const (
	maxChannels = 1 << 15
	maxBlocks   = 512 // residual blocks and transformer blocks, in all
)

func (c *Config) validate() error {
	err := config.Verify(slices.Concat(c.blockProblems(), c.attentionProblems(), c.embeddingProblems(), c.layerProblems())...)
	if err != nil {
		return err
	}
	for i, ch := range c.BlockOutChannels {
		heads := c.AttentionHeadDim.At(i)
		err := config.Verify(
			config.Want("norm_num_groups", c.NormNumGroups, ch%c.NormNumGroups == 0, fmt.Sprintf("a divisor of block_out_channels[%d] = %d", i, ch)),
			config.Want("attention_head_dim", heads, ch%heads == 0, fmt.Sprintf("a divisor of block_out_channels[%d] = %d", i, ch)),
		)
		if err != nil {
			return err
		}
	}
	if n := c.blocks(); n > maxBlocks {
		return fmt.Errorf("layers_per_block, transformer_layers_per_block: have %v and %v, which make %d blocks, want at most %d",
			c.LayersPerBlock, c.TransformerLayersPerBlock, n, maxBlocks)
	}
	return c.validateEmbeddings()
}

// positive says whether all numbers are 1 or more, and none is absurd.
func positive(l ...int) bool {
	return !slices.ContainsFunc(l, func(v int) bool { return v < 1 || v > maxChannels })
}

// perLevel says whether there are n values: one, or one for each level.
func (c *Config) perLevel(n int) bool { return n == 1 || n == len(c.BlockOutChannels) }

// depths says whether there are numbers of transformer blocks for all levels, and where
// layers differ for each layer, of which the way up has more.
func (c *Config) depths(d Depths, more int) bool {
	if !c.perLevel(len(d)) {
		return false
	}
	for i, layers := range d {
		level := i
		if more > 0 {
			level = len(c.BlockOutChannels) - 1 - i
		}
		few := len(layers) == 0 || len(layers) > 1 && len(layers) < c.LayersPerBlock.At(level)+more
		if few || slices.ContainsFunc(layers, func(n int) bool { return n < 0 || n > maxChannels }) {
			return false
		}
	}
	return true
}

// blockProblems says what is wrong with blocks: their kinds, numbers and channels.
func (c *Config) blockProblems() []string {
	levels := len(c.BlockOutChannels)
	return []string{
		config.Want("in_channels", c.InChannels, positive(c.InChannels), "1 or more"),
		config.Want("out_channels", c.OutChannels, positive(c.OutChannels), "1 or more"),
		config.Want("block_out_channels", c.BlockOutChannels, levels > 0 && levels <= 16 && positive(c.BlockOutChannels...), "1 to 16 positive numbers"),
		config.Want("down_block_types", c.DownBlockTypes, len(c.DownBlockTypes) == levels && subset(c.DownBlockTypes, "DownBlock2D", "CrossAttnDownBlock2D"), "DownBlock2D or CrossAttnDownBlock2D for each level"),
		config.Want("up_block_types", c.UpBlockTypes, len(c.UpBlockTypes) == levels && subset(c.UpBlockTypes, "UpBlock2D", "CrossAttnUpBlock2D"), "UpBlock2D or CrossAttnUpBlock2D for each level"),
		config.Want("mid_block_type", deref(c.MidBlockType), c.MidBlockType == nil || subset([]string{*c.MidBlockType}, midAttention, midResidual), midAttention+", "+midResidual+" or null"),
		config.Want("layers_per_block", c.LayersPerBlock, c.perLevel(len(c.LayersPerBlock)) && positive(c.LayersPerBlock...), "a positive number, or one for each level"),
		config.Want("norm_num_groups", c.NormNumGroups, c.NormNumGroups > 0, "1 or more"),
		config.Want("norm_eps", c.NormEps, c.NormEps >= 0 && c.NormEps <= 1, "0 to 1"),
		config.Want("conv_in_kernel", c.ConvInKernel, oddKernel(c.ConvInKernel), "an odd number to 15"),
		config.Want("conv_out_kernel", c.ConvOutKernel, oddKernel(c.ConvOutKernel), "an odd number to 15"),
	}
}

// attentionProblems says what is wrong with attention.
func (c *Config) attentionProblems() []string {
	return []string{
		config.Want("cross_attention_dim", c.CrossAttentionDim, c.perLevel(len(c.CrossAttentionDim)) && positive(c.CrossAttentionDim...), "a positive number, or one for each level"),
		config.Want("attention_head_dim", c.AttentionHeadDim, c.perLevel(len(c.AttentionHeadDim)) && positive(c.AttentionHeadDim...), "a positive number, or one for each level"),
		config.Want("num_attention_heads", c.NumAttentionHeads, c.NumAttentionHeads == nil, "null"),
		config.Want("transformer_layers_per_block", c.TransformerLayersPerBlock, c.depths(c.TransformerLayersPerBlock, 0), "a number of blocks, or for each level one or a list with one for each layer"),
		config.Want("reverse_transformer_layers_per_block", c.ReverseTransformerLayers, c.ReverseTransformerLayers == nil || c.depths(c.ReverseTransformerLayers, 1), "null, or for each block on the way up, from the lowest level, a number of blocks or a list with one for each layer"),
		config.Want("reverse_transformer_layers_per_block", c.ReverseTransformerLayers, c.ReverseTransformerLayers != nil || !c.TransformerLayersPerBlock.uneven(), "the way up said, too, as layers of one level differ on the way down (transformer_layers_per_block)"),
		config.Want("only_cross_attention", c.OnlyCrossAttention, c.perLevel(len(c.OnlyCrossAttention)), "true or false, or one for each level"),
		config.Want("dual_cross_attention", c.DualCrossAttention, !c.DualCrossAttention, "false"),
		config.Want("attention_type", c.AttentionType, subset([]string{c.AttentionType}, "default", gated, gatedTextImage), "default, gated or gated-text-image"),
		config.Want("cross_attention_norm", c.CrossAttentionNorm, off(c.CrossAttentionNorm), "null"),
	}
}

// embeddingProblems says what is wrong with what steers the whole picture.
func (c *Config) embeddingProblems() []string {
	return []string{
		config.Want("time_embedding_type", c.TimeEmbeddingType, c.TimeEmbeddingType == "positional", "positional"),
		config.Want("time_embedding_dim", deref(c.TimeEmbeddingDim), c.TimeEmbeddingDim == nil || positive(*c.TimeEmbeddingDim), "a positive number or null"),
		config.Want("time_embedding_act_fn", c.TimeEmbeddingAct, c.TimeEmbeddingAct == nil, "null"),
		config.Want("timestep_post_act", c.TimestepPostAct, c.TimestepPostAct == nil, "null"),
		config.Want("time_cond_proj_dim", deref(c.TimeCondProjDim), c.TimeCondProjDim == nil || positive(*c.TimeCondProjDim), "a positive number or null"),
		config.Want("class_embed_type", deref(c.ClassEmbedType), c.ClassEmbedType == nil || subset([]string{*c.ClassEmbedType}, classTimestep, classIdentity, classProjection, classLinear), "timestep, identity, projection, simple_projection or null"),
		config.Want("num_class_embeds", deref(c.NumClassEmbeds), c.NumClassEmbeds == nil || positive(*c.NumClassEmbeds), "a positive number or null"),
		config.Want("class_embeddings_concat", c.ClassConcat, off(c.ClassConcat), "false"),
		config.Want("addition_embed_type", deref(c.AdditionEmbedType), c.AdditionEmbedType == nil || *c.AdditionEmbedType == "text_time", "text_time or null"),
		config.Want("addition_time_embed_dim", deref(c.AdditionTimeDim), c.AdditionEmbedType == nil || c.AdditionTimeDim != nil && positive(*c.AdditionTimeDim) && *c.AdditionTimeDim%2 == 0, "an even number with addition_embed_type text_time"),
		config.Want("projection_class_embeddings_input_dim", deref(c.ProjectionInputDim), !c.projects() || c.ProjectionInputDim != nil && positive(*c.ProjectionInputDim), "a positive number with addition_embed_type text_time, or class_embed_type projection or simple_projection"),
		config.Want("encoder_hid_dim", c.EncoderHidDim, c.EncoderHidDim == nil, "null"),
		config.Want("encoder_hid_dim_type", c.EncoderHidDimType, c.EncoderHidDimType == nil, "null"),
	}
}

// layerProblems says what is wrong with the other layers.
func (c *Config) layerProblems() []string {
	return []string{
		config.Want("act_fn", c.ActFn, c.ActFn == "silu" || c.ActFn == "swish", "silu"),
		config.Want("center_input_sample", c.CenterInputSample, !c.CenterInputSample, "false"),
		config.Want("downsample_padding", c.DownsamplePadding, c.DownsamplePadding == 0 || c.DownsamplePadding == 1, "0 or 1"),
		config.Want("mid_block_scale_factor", c.MidBlockScaleFactor, c.MidBlockScaleFactor == 1, "1"),
		config.Want("resnet_time_scale_shift", c.ResnetTimeScaleShift, c.ResnetTimeScaleShift == "default", "default"),
		config.Want("resnet_out_scale_factor", c.ResnetOutScaleFactor, c.ResnetOutScaleFactor == 1, "1"),
		config.Want("resnet_skip_time_act", c.ResnetSkipTimeAct, !c.ResnetSkipTimeAct, "false"),
	}
}

// off says whether a value of any kind is null or false.
func off(v any) bool { return v == nil || v == false }

// validateEmbeddings wants sinusoids of times to have room, and the text beside them.
func (c *Config) validateEmbeddings() error {
	first := c.BlockOutChannels[0]
	if first%2 != 0 {
		return fmt.Errorf("block_out_channels: have %d first, want an even number", first)
	}
	shift := func(dim int) bool { return math.Abs(c.FreqShift) < float64(dim)/2 }
	err := config.Verify(config.Want("freq_shift", c.FreqShift, shift(first), fmt.Sprintf("less than %d, half of block_out_channels[0]", first/2)))
	if err != nil || c.AdditionEmbedType == nil {
		return err
	}
	dim, in := *c.AdditionTimeDim, *c.ProjectionInputDim
	return config.Verify(
		config.Want("freq_shift", c.FreqShift, shift(dim), fmt.Sprintf("less than %d, half of addition_time_embed_dim", dim/2)),
		config.Want("projection_class_embeddings_input_dim", in, in > dim, fmt.Sprintf("more than addition_time_embed_dim (%d), to have room for the text", dim)),
	)
}

// projects says whether there is an embedding of vectors as wide as
// projection_class_embeddings_input_dim.
func (c *Config) projects() bool {
	return c.AdditionEmbedType != nil || c.ClassEmbedType != nil && subset([]string{*c.ClassEmbedType}, classProjection, classLinear)
}

// blocks is the number of residual blocks and transformer blocks in all.
func (c *Config) blocks() int {
	n := 0
	add := func(kind string, layers int, depth func(layer int) int) {
		n += layers
		for j := 0; j < layers && n <= maxBlocks && strings.HasPrefix(kind, "CrossAttn"); j++ {
			n += depth(j)
		}
	}
	last := len(c.BlockOutChannels) - 1
	for i := range c.BlockOutChannels {
		add(c.DownBlockTypes[i], c.LayersPerBlock.At(i), func(layer int) int { return c.down(i, layer) })
		add(c.UpBlockTypes[i], c.LayersPerBlock.At(last-i)+1, func(layer int) int { return c.up(i, last-i, layer) })
	}
	if c.MidBlockType != nil {
		n += 2 + c.mid()
	}
	return n
}

func oddKernel(k int) bool { return k > 0 && k%2 == 1 && k <= 15 }

// subset says whether all of have are among want.
func subset(have []string, want ...string) bool {
	return !slices.ContainsFunc(have, func(h string) bool { return !slices.Contains(want, h) })
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
