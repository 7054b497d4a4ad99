package ldm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// place is where a block of the U-Net is in diffusers' names.
type place struct {
	to       string
	drop     string // of what comes after
	residual bool
}

// tower is what one half of the U-Net is made of: the blocks that go down, or up.
type tower struct {
	layers, channels []int   // of each level
	depth            [][]int // of each of its layers; 0 where there is no attention
}

func (t *tower) begin() {
	t.layers, t.channels, t.depth = append(t.layers, 0), append(t.channels, 0), append(t.depth, nil)
}

// block adds a residual block, and the attention beside it.
func (t *tower) block(f *file, prefix string) {
	i := len(t.layers) - 1
	t.layers[i]++
	t.channels[i] = f.dim(prefix+"0.in_layers.2.weight", 0)
	t.depth[i] = append(t.depth[i], f.transformers(prefix+"1."))
}

// types are the kinds of the levels, of which plain is the one without attention.
func (t *tower) types(plain string) []string {
	types := make([]string, len(t.depth))
	for i, layers := range t.depth {
		if types[i] = plain; slices.Max(layers) > 0 {
			types[i] = "CrossAttn" + plain
		}
	}
	return types
}

// down finds the blocks on the way down. Blocks of one level follow each other, then
// comes the one that halves the sides.
func (f *file) down(places map[string]place) (t tower) {
	t.begin()
	for n := 1; ; n++ {
		prefix := fmt.Sprintf("%s%d.", inputBlock, n)
		level := len(t.layers) - 1
		switch {
		case f.has(prefix + "0.op.weight"):
			places[prefix+"0."] = place{to: fmt.Sprintf("down_blocks.%d.downsamplers.0.conv.", level), drop: "op."}
			t.begin()
		case f.has(prefix + "0.in_layers.2.weight"):
			places[prefix+"0."] = place{to: fmt.Sprintf("down_blocks.%d.resnets.%d.", level, t.layers[level]), residual: true}
			places[prefix+"1."] = place{to: fmt.Sprintf("down_blocks.%d.attentions.%d.", level, t.layers[level])}
			t.block(f, prefix)
		default:
			return t
		}
	}
}

// up finds the blocks on the way up. The last block of a level doubles the sides, too.
func (f *file) up(places map[string]place) (t tower) {
	t.begin()
	for n := 0; ; n++ {
		prefix := fmt.Sprintf("%s%d.", outputBlock, n)
		level := len(t.layers) - 1
		if !f.has(prefix + "0.in_layers.2.weight") {
			return t
		}
		places[prefix+"0."] = place{to: fmt.Sprintf("up_blocks.%d.resnets.%d.", level, t.layers[level]), residual: true}
		places[prefix+"1."] = place{to: fmt.Sprintf("up_blocks.%d.attentions.%d.", level, t.layers[level])}
		t.block(f, prefix)
		for _, after := range []string{"1.", "2."} { // after attention, if there is any
			if f.has(prefix + after + "conv.weight") {
				places[prefix+after] = place{to: fmt.Sprintf("up_blocks.%d.upsamplers.0.conv.", level), drop: "conv."}
				t.begin()
				break
			}
		}
	}
}

// unetPlaces are the blocks that every U-Net has once.
var unetPlaces = map[string]place{
	inputBlock + "0.0.":            {to: "conv_in."},
	unetPrefix + "time_embed.0.":   {to: "time_embedding.linear_1."},
	unetPrefix + "time_embed.2.":   {to: "time_embedding.linear_2."},
	unetPrefix + "label_emb.0.0.":  {to: "add_embedding.linear_1."},
	unetPrefix + "label_emb.0.2.":  {to: "add_embedding.linear_2."},
	unetPrefix + "middle_block.0.": {to: "mid_block.resnets.0.", residual: true},
	unetPrefix + "middle_block.1.": {to: "mid_block.attentions.0."},
	unetPrefix + "middle_block.2.": {to: "mid_block.resnets.1.", residual: true},
	unetPrefix + "out.0.":          {to: "conv_norm_out."},
	unetPrefix + "out.2.":          {to: "conv_out."},
	unetPrefix + "time_embedding.": {to: "time_embedding."},  // of a consistency model: cond_proj
	unetPrefix + "label_emb.":      {to: "class_embedding."}, // of an upscaler: the level of noise
	unetPrefix + "position_net.":   {to: "position_net."},    // of GLIGEN
}

// residualNames are the layers of a residual block.
var residualNames = []struct{ from, to string }{
	{"in_layers.0.", "norm1."}, {"in_layers.2.", "conv1."}, {"emb_layers.1.", "time_emb_proj."},
	{"out_layers.0.", "norm2."}, {"out_layers.3.", "conv2."}, {"skip_connection.", "conv_shortcut."},
}

// name is what diffusers calls a tensor of the place, of which rest is what comes after.
func (p place) name(rest string) (string, bool) {
	rest, ok := strings.CutPrefix(rest, p.drop)
	if !ok || !p.residual {
		return p.to + rest, ok
	}
	for _, r := range residualNames {
		if after, ok := strings.CutPrefix(rest, r.from); ok {
			return p.to + r.to + after, true
		}
	}
	return "", false
}

// splitPlace takes the name of a tensor of the U-Net apart: the prefix of its block, and
// the rest.
func splitPlace(name string) (prefix, rest string) {
	parts := 2 // time_embed.0., middle_block.1., out.2.
	after := strings.TrimPrefix(name, unetPrefix)
	switch {
	case strings.HasPrefix(after, "time_embedding."), strings.HasPrefix(after, "position_net."), after == "label_emb.weight":
		parts = 1
	case strings.HasPrefix(after, "input_blocks."), strings.HasPrefix(after, "output_blocks."), strings.HasPrefix(after, "label_emb."), strings.HasPrefix(after, "zero_convs."):
		parts = 3
	}
	at := len(unetPrefix)
	for range parts {
		i := strings.IndexByte(name[at:], '.')
		if i < 0 {
			return "", name
		}
		at += i + 1
	}
	return name[:at], name[at:]
}

// placed is the part of the tensors that are at one of some places.
func (f *file) placed(places map[string]place) *Part {
	p := newPart(f)
	for _, name := range f.names {
		if !strings.HasPrefix(name, unetPrefix) {
			continue
		}
		prefix, rest := splitPlace(name)
		if place, ok := places[prefix]; ok {
			if to, ok := place.name(rest); ok {
				p.add(f, to, name)
			}
		}
	}
	return p
}

// unet is the U-Net. Pooled is the width of the embedding of a whole text.
func (f *file) unet(family Family, pooled int) (*Part, error) {
	places := maps.Clone(unetPlaces)
	down, up := f.down(places), f.up(places)
	if slices.Contains(down.layers, 0) || slices.Contains(up.layers, 0) || len(down.layers) != len(up.layers) {
		return nil, errors.New("have blocks that go down and up to different levels, or none")
	}
	p := f.placed(places)
	f.unetConfig(p, family, down, up, pooled)
	return p, nil
}
