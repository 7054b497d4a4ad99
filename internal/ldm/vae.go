package ldm

import (
	"fmt"
	"strings"
)

// vae is the VAE.
func (f *file) vae(family Family) (*Part, error) {
	const encoder, decoder = vaePrefix + "encoder.", vaePrefix + "decoder."
	levels := f.count(encoder + "down.%d.block.0.conv1.weight")
	if levels == 0 || levels != f.count(decoder+"up.%d.block.0.conv1.weight") {
		return nil, fmt.Errorf("have %d levels that go down, and others that go up", levels)
	}
	channels, down, up := make([]int, levels), make([]string, levels), make([]string, levels)
	for i := range levels {
		channels[i] = f.need(fmt.Sprintf("%sdown.%d.block.0.conv1.weight", encoder, i), 0)
		down[i], up[i] = "DownEncoderBlock2D", "UpDecoderBlock2D"
	}
	p := newPart(f)
	for _, name := range f.names {
		if rest, ok := strings.CutPrefix(name, vaePrefix); ok {
			f.addVAE(p, name, rest, levels)
		}
	}
	scale := 0.18215
	switch {
	case family == SDXL || family == SDXLRefiner:
		scale = 0.13025
	case f.upscales():
		scale = 0.08333
	}
	p.config = map[string]any{
		"_class_name":             "AutoencoderKL",
		"in_channels":             f.need(encoder+"conv_in.weight", 1),
		"out_channels":            f.need(decoder+"conv_out.weight", 0),
		"latent_channels":         f.need(decoder+"conv_in.weight", 1),
		"block_out_channels":      channels,
		"down_block_types":        down,
		"up_block_types":          up,
		"layers_per_block":        f.count(encoder + "down.0.block.%d.conv1.weight"),
		"mid_block_add_attention": f.has(encoder + "mid.attn_1.norm.weight"),
		"use_quant_conv":          f.has(vaePrefix + "quant_conv.weight"),
		"use_post_quant_conv":     f.has(vaePrefix + "post_quant_conv.weight"),
		"scaling_factor":          scale,
		"sample_size":             512,
	}
	n := groups(channels)
	p.guess("norm_num_groups", n, n == normGroups)
	return p, nil
}

// vaeNames are parts of the names in the VAE. Those of attention are convolutions of one
// pixel, and matrices in diffusers.
var vaeNames = []struct {
	from, to string
	matrix   bool
}{
	{from: "mid.block_1.", to: "mid_block.resnets.0."},
	{from: "mid.block_2.", to: "mid_block.resnets.1."},
	{from: "mid.attn_1.norm.", to: "mid_block.attentions.0.group_norm."},
	{from: "mid.attn_1.q.", to: "mid_block.attentions.0.to_q.", matrix: true},
	{from: "mid.attn_1.k.", to: "mid_block.attentions.0.to_k.", matrix: true},
	{from: "mid.attn_1.v.", to: "mid_block.attentions.0.to_v.", matrix: true},
	{from: "mid.attn_1.proj_out.", to: "mid_block.attentions.0.to_out.0.", matrix: true},
	{from: "norm_out.", to: "conv_norm_out."},
	{from: "conv_in.", to: "conv_in."},
	{from: "conv_out.", to: "conv_out."},
}

// addVAE adds a tensor of the VAE, of whose name rest is without the prefix.
func (f *file) addVAE(p *Part, name, rest string, levels int) {
	if strings.HasPrefix(rest, "quant_conv.") || strings.HasPrefix(rest, "post_quant_conv.") {
		p.add(f, rest, name)
		return
	}
	half, rest, _ := strings.Cut(rest, ".")
	for _, n := range vaeNames {
		after, ok := strings.CutPrefix(rest, n.from)
		switch {
		case !ok:
		case n.matrix:
			p.addMatrix(f, half+"."+n.to+after, name)
			return
		default:
			p.add(f, half+"."+n.to+after, name)
			return
		}
	}
	if to, ok := vaeBlock(half, rest, levels); ok {
		p.add(f, half+"."+to, name)
	}
}

// vaeBlock is the name of a tensor in a block of the encoder or decoder. The decoder's
// levels count from the picture, those of diffusers from the latents.
func vaeBlock(half, rest string, levels int) (string, bool) {
	words := strings.Split(rest, ".")
	if len(words) < 4 {
		return "", false
	}
	direction := "down"
	level, ok := number(words[1])
	if half == "decoder" {
		direction, level = "up", levels-1-level
	}
	if !ok || level < 0 || level >= levels || words[0] != direction {
		return "", false
	}
	to := fmt.Sprintf("%s_blocks.%d.", direction, level)
	switch words[2] {
	case "block":
		after := strings.Join(words[3:], ".")
		return to + "resnets." + strings.Replace(after, "nin_shortcut.", "conv_shortcut.", 1), true
	case direction + "sample":
		return to + direction + "samplers.0." + strings.Join(words[3:], "."), true
	}
	return "", false
}
