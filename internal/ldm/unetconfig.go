package ldm

import "strings"

// unetConfig sets the config.json of a U-Net of these tensors and halves. What diffusers takes for
// keys that are not there is left out.
func (f *file) unetConfig(p *Part, family Family, down, up tower, pooled int) {
	mid := f.count(unetPrefix + "middle_block.1.transformer_blocks.%d.norm1.weight")
	depth := make([]int, len(down.depth))
	downTypes, upTypes := make([]string, len(depth)), make([]string, len(depth))
	for i, n := range down.depth {
		depth[i] = max(n, 1)
		if downTypes[i] = "DownBlock2D"; n > 0 {
			downTypes[i] = "CrossAttnDownBlock2D"
		}
		if upTypes[i] = "UpBlock2D"; up.depth[i] > 0 {
			upTypes[i] = "CrossAttnUpBlock2D"
		}
	}
	if last := len(depth) - 1; mid > 0 && down.depth[last] == 0 {
		depth[last] = mid // diffusers takes that of the last level
	}
	config := map[string]any{
		"_class_name":                  "UNet2DConditionModel",
		"in_channels":                  f.need(convInWeight, 1),
		"out_channels":                 f.need(unetPrefix+"out.2.weight", 0),
		"block_out_channels":           down.channels,
		"layers_per_block":             down.layers,
		"down_block_types":             downTypes,
		"up_block_types":               upTypes,
		"transformer_layers_per_block": depth,
		"sample_size":                  64,
	}
	if mid == 0 {
		config["mid_block_type"] = nil
	}
	if key := unetPrefix + "time_embedding.cond_proj.weight"; f.has(key) {
		config["time_cond_proj_dim"] = f.dim(key, 1)
	}
	for name, piece := range p.pieces {
		switch {
		case strings.HasSuffix(name, ".transformer_blocks.0.attn2.to_k.weight"):
			config["cross_attention_dim"] = p.dim(name, 1)
		case strings.HasSuffix(name, ".proj_in.weight"):
			config["use_linear_projection"] = len(piece.shape) == 2
		}
	}
	if key := unetPrefix + "label_emb.0.0.weight"; f.has(key) {
		sizes := 6 // heights and widths: original, crop, target
		if family == SDXLRefiner {
			sizes = 5 // original, crop, the aesthetic score
		}
		config["addition_embed_type"] = "text_time"
		config["projection_class_embeddings_input_dim"] = f.dim(key, 1)
		config["addition_time_embed_dim"] = (f.dim(key, 1) - pooled) / sizes
		if pooled == 0 { // the text encoder is elsewhere
			config["addition_time_embed_dim"] = timeNumbers(f.dim(key, 1), sizes)
		}
		config["sample_size"] = 128
	}
	p.config = config
	p.guessUNet(family, down.channels)
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

// guessUNet sets into how many parts channels are split.
func (p *Part) guessUNet(family Family, channels []int) {
	n := groups(channels)
	p.guess("norm_num_groups", n, n == normGroups)
	if family == SD1 {
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
