package ipadapter

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/nn"
)

// resampler is the Perceiver resampler of Alayrac et al. (2022), section 3.1.1: learned
// latents attend to the tokens of a picture and to themselves. It is diffusers'
// IPAdapterPlusImageProjection.
//
//	tokens ─ proj_in ─┬─────────┬─ …
//	latents ──────── block ─── block ─ … ─ proj_out ─ norm_out
//
// https://arxiv.org/abs/2204.14198
type resampler struct {
	latents *nn.Values // [1 Q D]
	in, out *nn.Linear
	norm    *nn.LayerNorm
	blocks  []*resamplerBlock
}

// perHead is how many numbers a head of attention has: no tensor tells.
const perHead = 64

// maxBlocks bounds the blocks of a resampler; published ones have 4.
const maxBlocks = 1 << 6

func newResampler(p *nn.Params, a *About) *resampler {
	shape := p.Shape("proj_in.weight")
	width := 0
	if len(shape) == 2 {
		width = shape[0]
	}
	r := &resampler{
		latents: p.Values("latents", []int{1, a.Tokens, width}, a.Tokens, width),
		in:      p.Linear("proj_in", a.In, width),
		out:     p.Linear("proj_out", width, a.Cross),
		norm:    p.LayerNorm("norm_out", a.Cross, normEps),
	}
	for i := range maxBlocks {
		if at := p.At("layers.%d", i); i == 0 || at.Has("0.norm1.weight") {
			r.blocks = append(r.blocks, newResamplerBlock(at, width))
		}
	}
	return r
}

func (r *resampler) forward(g *nn.Graph, x *G.Node) *G.Node {
	x = r.in.Forward(g, x)
	latents := r.latents.Forward(g)
	for _, b := range r.blocks {
		latents = b.forward(g, x, latents)
	}
	return r.norm.Forward(g, r.out.Forward(g, latents))
}

// resamplerBlock is one step of a resampler:
//
//	x ─────── norm1 ─┬─ keys, values ─┐
//	latents ─ norm2 ─┴─ queries ── attention ─ to_out ─ + ─┬─ norm ─ 1 ─ GELU ─ 3 ─ + ─
//	     └─────────────────────────────────────────────────┘└───────────────────────┘
type resamplerBlock struct {
	inner              int
	normX, normLatents *nn.LayerNorm
	q, kv, out         *nn.Linear
	heads              *nn.Attention
	norm               *nn.LayerNorm
	widen, narrow      *nn.Linear
}

func newResamplerBlock(p *nn.Params, width int) *resamplerBlock {
	inner := perHead
	if shape := p.Shape("0.to_q.weight"); len(shape) == 2 {
		inner = max(shape[0]/perHead, 1) * perHead
	}
	hidden := 4 * width
	if shape := p.Shape("1.1.weight"); len(shape) == 2 {
		hidden = shape[0]
	}
	return &resamplerBlock{
		inner: inner,
		normX: p.LayerNorm("0.norm1", width, normEps), normLatents: p.LayerNorm("0.norm2", width, normEps),
		q: p.LinearNoBias("0.to_q", width, inner), kv: p.LinearNoBias("0.to_kv", width, 2*inner), out: p.LinearNoBias("0.to_out", inner, width),
		heads: p.Attention(inner/perHead, false),
		norm:  p.LayerNorm("1.0", width, normEps),
		widen: p.LinearNoBias("1.1", width, hidden), narrow: p.LinearNoBias("1.3", hidden, width),
	}
}

// forward maps x [1 T D] and latents [1 Q D] to [1 Q D].
func (b *resamplerBlock) forward(g *nn.Graph, x, latents *G.Node) *G.Node {
	h := b.normLatents.Forward(g, latents)
	kv := g.JoinTokens(b.kv.Forward(g, b.normX.Forward(g, x)), b.kv.Forward(g, h))
	keys, values := g.Slice(kv, 2, 0, b.inner), g.Slice(kv, 2, b.inner, b.inner)
	latents = g.Add(b.out.Forward(g, b.heads.Forward(g, b.q.Forward(g, h), keys, values)), latents)
	h = g.Activate(b.widen.Forward(g, b.norm.Forward(g, latents)), kernel.GELU)
	return g.Add(b.narrow.Forward(g, h), latents)
}
