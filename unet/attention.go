package unet

import (
	"iter"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// source is what queries attend to: tokens [N T D], of which a mask [N T] hides those
// with 0, image tokens [N T' D] beside them, pictures that adapters show, and in a [fuser]
// the tokens of boxes [N K D]. All but the first may be nil.
type source struct {
	tokens, mask, images *G.Node
	shown                *Images[*G.Node]
	boxes                *G.Node
}

// attention is multi-head attention with its projections. With the weights of an
// IP-Adapter the queries attend to the tokens of a picture, too (Ye et al. 2023, equation
// 5):
//
//	x ─ to_q ─┬─ attention to tokens ─ + ─ to_out ─ out
//	          └─ attention to images ──┘
//
// https://arxiv.org/abs/2308.06721
type attention struct {
	path         string
	q, k, v, out *nn.Linear
	kIP, vIP     *nn.Linear // of image tokens; nil if it takes none
	heads        *nn.Attention

	width, number, level int // of a cross-attention: number among them, from 0
}

// newAttention returns the attention of queries of width d to keys, and to images if
// there are weights for them and they are wanted.
func newAttention(p *nn.Params, d, keys, heads int, images bool) *attention {
	a := &attention{
		path:  p.Path(),
		width: d,
		heads: p.Attention(heads, false),
		q:     p.LinearNoBias("to_q", d, d),
		k:     p.LinearNoBias("to_k", keys, d),
		v:     p.LinearNoBias("to_v", keys, d),
		out:   p.Linear("to_out.0", d, d),
	}
	if images && p.Has("processor.to_k_ip.0.weight") {
		a.kIP = p.LinearNoBias("processor.to_k_ip.0", keys, d)
		a.vIP = p.LinearNoBias("processor.to_v_ip.0", keys, d)
	}
	return a
}

// forward maps queries x [N T C] to [N T C].
func (a *attention) forward(g *nn.Graph, x *G.Node, to source) *G.Node {
	q := a.q.Forward(g, x)
	h := a.heads.ForwardMasked(g, q, a.k.Forward(g, to.tokens), a.v.Forward(g, to.tokens), to.mask)
	if a.kIP != nil && to.images != nil {
		h = g.Add(h, a.heads.Forward(g, q, a.kIP.Forward(g, to.images), a.vIP.Forward(g, to.images)))
	}
	h = a.see(g, q, h, to.shown)
	return g.Mark(a.path, a.out.Forward(g, h))
}

// takesImages says whether pixels can attend to the tokens of a picture.
func (u *UNet) takesImages() bool {
	for t := range u.transformers() {
		for _, b := range t.blocks {
			if b.attn2.kIP != nil {
				return true
			}
		}
	}
	return false
}

// attends says whether anything attends to the tokens.
func (u *UNet) attends() bool {
	for range u.transformers() {
		return true
	}
	return false
}

// transformers are those of all levels.
func (u *UNet) transformers() iter.Seq[*transformer] {
	return func(yield func(*transformer) bool) {
		all := []*transformer{}
		for _, l := range u.downs {
			all = append(all, l.attention)
		}
		if u.mid != nil {
			all = append(all, u.mid.attention)
		}
		for _, l := range u.ups {
			all = append(all, l.attention)
		}
		for _, t := range all {
			if t != nil && !yield(t) {
				return
			}
		}
	}
}
