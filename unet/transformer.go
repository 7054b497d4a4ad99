package unet

import (
	"hash/crc32"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// transformer is the spatial transformer of Rombach et al. (2022), section 3.3
// and appendix E.2.1: every pixel is a token, which attends to all pixels and
// then to the text.
//
//	x ─┬─ norm ─ proj_in ─ block × depth ─ proj_out ─ + ─ out
//	   └──────────────────────────────────────────────┘
//
// https://arxiv.org/abs/2112.10752
type transformer struct {
	path            string
	level           int
	norm            *nn.GroupNorm
	projIn, projOut layer
	blocks          []*transformerBlock
}

// layer is a 1×1 convolution or the linear layer that does the same.
type layer interface {
	Forward(g *nn.Graph, x *G.Node) *G.Node
}

// transformerNormEps is the epsilon of the transformer's own GroupNorm; it is not
// in the config.
const transformerNormEps = 1e-6

func newTransformer(p *nn.Params, c *Config, channels, level, depth int, onlyCross bool) *transformer {
	t := &transformer{path: p.Path(), level: level, norm: p.GroupNorm("norm", channels, c.NormNumGroups, transformerNormEps)}
	if c.UseLinearProjection {
		t.projIn, t.projOut = p.Linear("proj_in", channels, channels), p.Linear("proj_out", channels, channels)
	} else {
		t.projIn, t.projOut = p.Conv1x1("proj_in", channels, channels), p.Conv1x1("proj_out", channels, channels)
	}
	heads, cond := c.AttentionHeadDim.At(level), c.CrossAttentionDim.At(level)
	for i := range depth {
		at := p.At("transformer_blocks.%d", i)
		b := newTransformerBlock(at, channels, heads, cond, onlyCross)
		if c.AttentionType != "default" {
			b.fuser = newFuser(at.At("fuser"), channels, cond, heads)
		}
		t.blocks = append(t.blocks, b)
	}
	return t
}

// forward maps x [N H W C] to [N H W C].
func (t *transformer) forward(g *nn.Graph, x *G.Node, s steering) *G.Node {
	shape := g.Shape(x)
	h := t.projIn.Forward(g, t.norm.Forward(g, x))
	h = g.Reshape(h, shape[0], shape[1]*shape[2], shape[3]) // pixels are tokens
	at := grid{t.level, shape[1], shape[2]}
	for _, b := range t.blocks {
		h = b.forward(g, h, s, at)
	}
	h = t.projOut.Forward(g, g.Reshape(h, shape...))
	return g.Mark(t.path, g.Add(x, h))
}

// grid is the image that tokens are of: its level, from the top, and size.
type grid struct{ level, h, w int }

// transformerBlock attends to the pixels, then to the text, then maps each token
// by itself. Tokens may be merged for the first attention.
//
//	x ─┬─ norm1 ─ attn1 ─ + ─┬─ norm2 ─ attn2 ─ + ─┬─ norm3 ─ proj ─ GEGLU ─ out ─ + ─
//	   └──────────────────┘  └────────── cond ──┘  └───────────────────────────────┘
type transformerBlock struct {
	path                string
	norm1, norm2, norm3 *nn.LayerNorm
	attn1, attn2        *attention
	proj, out           *nn.Linear
	fuser               *fuser // behind attn1; nil if it takes no boxes
	onlyCross           bool   // attn1 attends to the text too
	salt                uint32
}

const layerNormEps = 1e-5

func newTransformerBlock(p *nn.Params, d, heads, condDim int, onlyCross bool) *transformerBlock {
	keys := d
	if onlyCross {
		keys = condDim
	}
	return &transformerBlock{
		path:      p.Path(),
		norm1:     p.LayerNorm("norm1", d, layerNormEps),
		attn1:     newAttention(p.At("attn1"), d, keys, heads, false),
		norm2:     p.LayerNorm("norm2", d, layerNormEps),
		attn2:     newAttention(p.At("attn2"), d, condDim, heads, true),
		norm3:     p.LayerNorm("norm3", d, layerNormEps),
		proj:      p.Linear("ff.net.0.proj", d, 2*4*d),
		out:       p.Linear("ff.net.2", 4*d, d),
		onlyCross: onlyCross,
		salt:      crc32.ChecksumIEEE([]byte(p.Path())),
	}
}

// forward maps x [N H·W C] to [N H·W C].
func (b *transformerBlock) forward(g *nn.Graph, x *G.Node, s steering, at grid) *G.Node {
	x = g.Add(x, b.first(g, x, s, at))
	if s.text.boxes != nil {
		x = b.fuser.forward(g, x, s.text.boxes)
	}
	x = g.Add(x, b.attn2.forward(g, b.norm2.Forward(g, x), s.text))
	h := g.Mark(b.path+".ff.net.0", g.GEGLU(b.proj.Forward(g, b.norm3.Forward(g, x))))
	return g.Mark(b.path, g.Add(x, b.out.Forward(g, h)))
}

// first is the attention of x [N H·W C] to itself, or of some models to the text.
func (b *transformerBlock) first(g *nn.Graph, x *G.Node, s steering, at grid) *G.Node {
	merge := s.merging.tokens(at.level, at.h, at.w)
	switch {
	case b.onlyCross:
		return b.attn1.forward(g, b.norm1.Forward(g, x), source{tokens: s.text.tokens, mask: s.text.mask})
	case s.perturbation.has(b.attn1):
		return b.attn1.perturbed(g, b.norm1.Forward(g, x), at.h, at.w, s.perturbation.blur)
	case merge > 0:
		match := g.MatchTokens(x, s.times, at.h, at.w, merge, b.salt)
		h := g.MergeTokens(match, b.norm1.Forward(g, x))
		return g.UnmergeTokens(match, b.attn1.forward(g, h, source{tokens: h}))
	}
	h := b.norm1.Forward(g, x)
	return b.attn1.forward(g, h, source{tokens: h})
}
