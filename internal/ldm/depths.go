package ldm

import (
	"fmt"
	"slices"
)

// depths are the numbers of transformer blocks in the two halves of a U-Net, as
// diffusers' configuration has them: for each level one, or a list with one for each
// layer. Up is nil where it follows from down.
type depths struct{ down, up []any }

// newDepths writes those of towers as the configuration has them. That of the last level
// is the middle's, too, whose number is mid.
func newDepths(down, up tower, mid int) depths {
	last := len(down.depth) - 1
	d := depths{make([]any, last+1), make([]any, last+1)}
	alike := true
	for i := range d.down {
		below, above := down.depth[i], up.depth[last-i]
		switch n, m := slices.Max(below), slices.Max(above); {
		case n > 0:
			d.down[i] = level(below)
		case i == last && mid > 0: // there is no other place to say it
			d.down[i] = mid
		default:
			d.down[i] = max(1, m)
		}
		d.up[last-i] = level(above)
		_, uneven := d.down[i].([]int) // which is like no other, and cannot be compared
		alike = alike && !uneven && (slices.Max(above) == 0 || d.down[i] == d.up[last-i])
	}
	if alike {
		d.up = nil
	}
	return d
}

// level is one number for all layers of a level, where that will do.
func level(layers []int) any {
	switch least, most := slices.Min(layers), slices.Max(layers); {
	case most == 0:
		return 1 // which says nothing where there is no attention
	case least == most:
		return most
	}
	return slices.Clone(layers)
}

// onlyCross says for each level whether its pixels attend to the text alone, as those of
// SDXS do at full resolution: then all keys have the width of the text.
func (p *Part) onlyCross(levels int) []bool {
	only := make([]bool, levels)
	for i := range only {
		for _, half := range []string{fmt.Sprintf("down_blocks.%d", i), fmt.Sprintf("up_blocks.%d", levels-1-i)} {
			keys := half + ".attentions.0.transformer_blocks.0.attn1.to_k.weight"
			only[i] = only[i] || p.dim(keys, 1) != p.dim(keys, 0)
		}
	}
	return only
}
