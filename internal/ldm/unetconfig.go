package ldm

import (
	"slices"
	"strings"
)

// unetConfig sets the config.json of a U-Net of these tensors and halves. What diffusers takes for
// keys that are not there is left out.
func (f *file) unetConfig(p *Part, family Family, down, up tower, pooled int) {
	mid := f.transformers(unetPrefix + "middle_block.1.")
	depths := newDepths(down, up, mid)
	config := map[string]any{
		"_class_name":                  "UNet2DConditionModel",
		"in_channels":                  f.need(convInWeight, 1),
		"out_channels":                 f.need(unetPrefix+"out.2.weight", 0),
		"block_out_channels":           down.channels,
		"layers_per_block":             down.layers,
		"down_block_types":             down.types("DownBlock2D"),
		"up_block_types":               up.types("UpBlock2D"),
		"transformer_layers_per_block": depths.down,
		"sample_size":                  64,
	}
	f.middleConfig(config, mid)
	if depths.up != nil {
		config["reverse_transformer_layers_per_block"] = depths.up
	}
	if only := p.onlyCross(len(down.depth)); slices.Contains(only, true) {
		config["only_cross_attention"] = only
	}
	if key := unetPrefix + "time_embedding.cond_proj.weight"; f.has(key) {
		config["time_cond_proj_dim"] = f.dim(key, 1)
	}
	p.attentionConfig(config)
	if n := f.dim(unetPrefix+"label_emb.weight", 0); n > 0 {
		config["num_class_embeds"] = n
	}
	switch {
	case f.has(unetPrefix + "position_net.linears.0.weight"):
		config["attention_type"] = "gated"
	case f.has(unetPrefix + "position_net.linears_text.0.weight"):
		config["attention_type"] = "gated-text-image"
	}
	f.addition(config, family, pooled)
	p.config = config
	// SDXS, alone among those of Stable Diffusion 1, has as many numbers for each head.
	ofSDXS := family == SD1 && config["mid_block_type"] == nil && mid == 0 && slices.Max(down.depth[0]) == 0
	p.guessUNet(family == SD1 && !ofSDXS || f.upscales(), down.channels)
}

// middleConfig sets the kind of the middle block, whose transformer has mid blocks.
func (f *file) middleConfig(config map[string]any, mid int) {
	switch {
	case mid > 0:
	case f.has(unetPrefix + "middle_block.0.in_layers.2.weight"): // SSD-1B, Vega
		config["mid_block_type"] = "UNetMidBlock2D"
	default:
		config["mid_block_type"] = nil
	}
}

// attentionConfig sets what the transformers have in common.
func (p *Part) attentionConfig(config map[string]any) {
	for name, piece := range p.pieces {
		switch {
		case strings.HasSuffix(name, ".transformer_blocks.0.attn2.to_k.weight"):
			config["cross_attention_dim"] = p.dim(name, 1)
		case strings.HasSuffix(name, ".proj_in.weight"):
			config["use_linear_projection"] = len(piece.shape) == 2
		}
	}
}

// addition says what a U-Net of Stable Diffusion XL reads beside the tokens: a text of
// pooled numbers, 0 if that is not known, and sizes.
func (f *file) addition(config map[string]any, family Family, pooled int) {
	width := f.dim(unetPrefix+"label_emb.0.0.weight", 1)
	if width == 0 {
		return
	}
	sizes := 6 // heights and widths: original, crop, target
	if family == SDXLRefiner {
		sizes = 5 // original, crop, the aesthetic score
	}
	config["addition_embed_type"] = "text_time"
	config["projection_class_embeddings_input_dim"] = width
	config["addition_time_embed_dim"] = (width - pooled) / sizes
	if pooled == 0 { // the text encoder is elsewhere
		config["addition_time_embed_dim"] = timeNumbers(width, sizes)
	}
	config["sample_size"] = 128
}

// mostTimeNumbers is as how many numbers the published models read a size.
const mostTimeNumbers = 256

// timeNumbers guesses as how many numbers sizes are read of the width of all and the text.
func timeNumbers(width, sizes int) int {
	n := mostTimeNumbers
	for n > 1 && n*sizes >= width {
		n /= 2
	}
	return n
}

// guessUNet sets into how many parts channels are split: as many heads at all levels, or
// heads of the same width.
func (p *Part) guessUNet(sameHeads bool, channels []int) {
	n := groups(channels)
	p.guess("norm_num_groups", n, n == normGroups)
	if sameHeads {
		n := heads(channels)
		p.guess("attention_head_dim", n, n == unetHeads)
		return
	}
	width := headWidth(channels...)
	list := make([]int, len(channels))
	for i, n := range channels {
		list[i] = n / width
	}
	p.guess("attention_head_dim", list, width == perHead)
}
