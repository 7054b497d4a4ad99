package ipadapter

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/nn"
)

// normEps is the epsilon of all layer normalisations.
const normEps = 1e-5

// plain is diffusers' ImageProjection:
//
//	embedding [1 D] ─ proj ─ tokens [1 4 cross] ─ norm
type plain struct {
	cross int
	proj  *nn.Linear
	norm  *nn.LayerNorm
}

func newPlain(p *nn.Params, a *About) *plain {
	return &plain{a.Cross, p.Linear("proj", a.In, plainTokens*a.Cross), p.LayerNorm("norm", a.Cross, normEps)}
}

func (l *plain) forward(g *nn.Graph, x *G.Node) *G.Node {
	return l.norm.Forward(g, g.Reshape(l.proj.Forward(g, x), 1, plainTokens, l.cross))
}

// full is diffusers' IPAdapterFullImageProjection:
//
//	tokens [1 T D] ─ proj.0 ─ GELU ─ proj.2 ─ norm
type full struct {
	in, out *nn.Linear
	norm    *nn.LayerNorm
}

func newFull(p *nn.Params, a *About) *full {
	return &full{p.Linear("proj.0", a.In, a.In), p.Linear("proj.2", a.In, a.Cross), p.LayerNorm("proj.3", a.Cross, normEps)}
}

func (l *full) forward(g *nn.Graph, x *G.Node) *G.Node {
	return l.norm.Forward(g, l.out.Forward(g, g.Activate(l.in.Forward(g, x), kernel.GELU)))
}
