package unet

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// Images are the pictures that IP-Adapters show to the U-Net beside the text (Ye et al.
// 2023, section 3.2), as tensors or as nodes of a graph. What the queries of each of the
// U-Net's CrossAttentions get of them is added, in their order, to what they get of the text:
//
//	x ─ to_q ─┬─ attention to tokens ──────── + ─ to_out ─ out
//	          ├─ attention to keys 0 ─ · mask ┤
//	          └─ attention to keys 1 ─ · mask ┘
//
// https://arxiv.org/abs/2308.06721
type Images[T comparable] struct{ Shown []Shown[T] }

// Shown is one picture, or several side by side, that an adapter shows.
type Shown[T comparable] struct {
	// Keys and Values [N T C] are those of the tokens of the picture, of any number T, one
	// for each of UNet.CrossAttentions, C being its Width. Values carry the scale that the
	// adapter has there. Nil stands for an attention that does not see the picture.
	Keys, Values []T
	// Masks [H·W] say how much the picture counts for each pixel of a level, one for each
	// level of the U-Net from the top, each of which has half the height and width, rounded
	// up, of that above. With nil the picture counts everywhere alike.
	Masks []T
}

// CrossAttention is an attention of the U-Net to the text.
type CrossAttention struct {
	Path  string // in diffusers: "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
	Width int    // of queries, keys and values
	Level int    // from the top
}

// CrossAttentions lists the attentions to the text in the order in which diffusers lists
// them and IP-Adapters number them: those of the way down, of the way up, and of the
// middle.
func (u *UNet) CrossAttentions() []CrossAttention {
	if u.loaded() != nil {
		return nil
	}
	list := make([]CrossAttention, len(u.cross))
	for i, a := range u.cross {
		list[i] = CrossAttention{a.path, a.width, a.level}
	}
	return list
}

// listCross makes the list of attentions to the text.
func (u *UNet) listCross() {
	add := func(t *transformer) {
		if t == nil {
			return
		}
		for _, b := range t.blocks {
			b.attn2.number, b.attn2.level = len(u.cross), t.level
			u.cross = append(u.cross, b.attn2)
		}
	}
	for _, l := range u.downs {
		add(l.attention)
	}
	for _, l := range u.ups {
		add(l.attention)
	}
	if u.mid != nil {
		add(u.mid.attention)
	}
}

// see adds to h [N T C], what queries q got of the text, what they get of pictures.
func (a *attention) see(g *nn.Graph, q, h *G.Node, images *Images[*G.Node]) *G.Node {
	if images == nil {
		return h
	}
	for _, s := range images.Shown {
		if s.Keys[a.number] == nil {
			continue
		}
		y := a.heads.Forward(g, q, s.Keys[a.number], s.Values[a.number])
		if s.Masks != nil {
			y = g.ScaleTokens(y, s.Masks[a.level])
		}
		h = g.Add(h, y)
	}
	return h
}

// checkImages wants pictures that the U-Net can see, for latents [n c h w], calls each for
// their tensors, and returns their forms.
func checkImages[T comparable](u *UNet, m *Images[T], latents dims, each func(f field[T]) ([]int, error)) ([]ImageForm, error) {
	forms := make([]ImageForm, len(m.Shown))
	for i := range m.Shown {
		s, f := &m.Shown[i], &forms[i]
		var err error
		if *f, err = seen(u, s); err != nil {
			return nil, fmt.Errorf("images: number %d: %w", i, err)
		}
		tokens := -1
		for _, x := range imageFields(u, i, s, *f, latents) {
			if len(x.shape) > 1 {
				x.shape[1] = tokens
			}
			shape, err := each(x)
			if err != nil {
				return nil, err
			}
			if len(shape) > 1 {
				tokens = shape[1]
			}
		}
		f.Tokens = tokens
	}
	return forms, nil
}

// seen is the form of a picture whose tokens are not counted yet.
func seen[T comparable](u *UNet, s *Shown[T]) (f ImageForm, err error) {
	var none T
	if have, want := [2]int{len(s.Keys), len(s.Values)}, len(u.cross); have != [2]int{want, want} {
		return f, fmt.Errorf("have %d keys and %d values, want %d each, one for each attention to the text", have[0], have[1], want)
	}
	if have, want := len(s.Masks), len(u.Config.BlockOutChannels); s.Masks != nil && have != want {
		return f, fmt.Errorf("have %d masks, want %d, one for each level, or none", have, want)
	}
	for k, a := range u.cross {
		if (s.Keys[k] == none) != (s.Values[k] == none) {
			return f, fmt.Errorf("have keys or values alone for %s, want both or none", a.path)
		}
		if s.Keys[k] != none {
			f.Attentions = append(f.Attentions, k)
		}
	}
	if f.Masked = s.Masks != nil; f.Attentions == nil {
		return f, fmt.Errorf("have no keys, want some for one attention at least")
	}
	return f, nil
}

// imageFields returns the fields of picture i of a form, for latents [n c h w], -1 standing
// for a size that is not known.
func imageFields[T comparable](u *UNet, i int, s *Shown[T], form ImageForm, latents dims) (all []field[T]) {
	for _, k := range form.Attentions {
		for _, x := range []struct {
			name string
			at   *T
		}{{"keys", &s.Keys[k]}, {"values", &s.Values[k]}} {
			all = append(all, field[T]{fmt.Sprintf("image_%d_%s_%d", i, x.name, k), x.at, []int{latents[0], form.Tokens, u.cross[k].width}, true})
		}
	}
	if !form.Masked {
		return all
	}
	sizes := u.LevelSizes(latents[2], latents[3])
	for l := range s.Masks {
		size := -1
		if sizes != nil {
			size = sizes[l][0] * sizes[l][1]
		}
		all = append(all, field[T]{fmt.Sprintf("image_%d_mask_%d", i, l), &s.Masks[l], []int{size}, true})
	}
	return all
}

// LevelSizes are the height and width of each level, from the top, for latents of h×w
// cells. It is nil for sizes below 1.
func (u *UNet) LevelSizes(h, w int) (sizes [][2]int) {
	if u.loaded() != nil || h < 1 || w < 1 {
		return nil
	}
	for _, l := range u.downs {
		if l.conv != nil || l.halves {
			h, w = l.size(h, w)
			sizes = append(sizes, [2]int{h, w})
		}
	}
	return sizes
}
