package unet

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// timeEmbedding turns times, and class labels if the model has them, into the
// vector that steers the residual blocks.
//
//	t ─ sinusoids ─ linear_1 ─ SiLU ─ linear_2 ─ + ─ temb
//	                       label ─ embedding ────┘
type timeEmbedding struct {
	dim              int // of the sinusoids
	flip             bool
	shift            float64
	linear1, linear2 *nn.Linear
	classes          *nn.Embedding // nil if there are no class labels
}

func newTimeEmbedding(p *nn.Params, c *Config) *timeEmbedding {
	in, out := c.BlockOutChannels[0], c.tembDim()
	t := &timeEmbedding{
		dim: in, flip: c.FlipSinToCos, shift: c.FreqShift,
		linear1: p.Precise().Linear("time_embedding.linear_1", in, out),
		linear2: p.Precise().Linear("time_embedding.linear_2", out, out),
	}
	if c.NumClassEmbeds != nil {
		t.classes = p.Embedding("class_embedding", *c.NumClassEmbeds, out)
	}
	return t
}

// tembDim is the width of the time embedding.
func (c *Config) tembDim() int {
	if c.TimeEmbeddingDim != nil {
		return *c.TimeEmbeddingDim
	}
	return 4 * c.BlockOutChannels[0]
}

// forward maps times t [N], and labels [N 1] if there are classes, to the time
// embedding [N temb] after the SiLU with which every residual block begins.
func (t *timeEmbedding) forward(g *nn.Graph, times, labels *G.Node) *G.Node {
	temb := g.Mark("time_proj", g.Timesteps(times, t.dim, t.flip, t.shift))
	temb = g.Mark("time_embedding.act", g.SiLU(t.linear1.Forward(g, temb)))
	temb = g.Mark("time_embedding", t.linear2.Forward(g, temb))
	if t.classes != nil {
		class := t.classes.Forward(g, labels, nil) // [N 1 temb]
		s := g.Shape(class)
		temb = g.Add(temb, g.Mark("class_embedding", g.Reshape(class, s[0], s[2])))
	}
	return g.SiLU(temb)
}
