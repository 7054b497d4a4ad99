package unet

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// textTime is addition_embed_type text_time, that of SDXL (Podell et al. 2024, sections
// 2.1 and 2.2): the embedding of the whole text, and numbers that tell of the picture,
// each as a time is embedded.
//
//	pooled text ─────── concat ─ linear_1 ─ SiLU ─ linear_2 ─ out
//	ids ─ sinusoids ─────┘
//
// https://arxiv.org/abs/2307.01952
type textTime struct {
	sinusoids
	in  int // width of pooled text and sinusoids together
	mlp *embedding
}

// newTextTime returns nil if the model has no such embedding.
func newTextTime(p *nn.Params, c *Config) *textTime {
	if c.AdditionEmbedType == nil {
		return nil
	}
	in := *c.ProjectionInputDim
	return &textTime{sinusoids{*c.AdditionTimeDim, c.FlipSinToCos, c.FreqShift}, in, newEmbedding(p, in, c.tembDim())}
}

// forward maps pooled text [N D] and ids [N K] to [N temb].
func (t *textTime) forward(g *nn.Graph, pooled, ids *G.Node) *G.Node {
	s := g.Shape(ids)
	x := g.Mark("add_time_proj", t.sinusoids.forward(g, g.Reshape(ids, s[0]*s[1])))
	x = g.Concat(pooled, g.Reshape(x, s[0], s[1]*t.dim))
	return t.mlp.forward(g, x)
}

// check wants a pooled text and ids that fill the embedding's input together.
func (t *textTime) check(pooled, ids int) error {
	if pooled+ids*t.dim != t.in {
		return fmt.Errorf("pooled text, time ids: have %d numbers and %d ids, want D numbers and K ids with D + %d·K = %d", pooled, ids, t.dim, t.in)
	}
	return nil
}

// usual returns the width of the pooled text beside six ids, as SDXL has them, or beside
// one where six are too many. The config tells the sum alone.
func (t *textTime) usual() (pooled, ids int) {
	ids = 6
	if t.in <= ids*t.dim {
		ids = 1
	}
	return t.in - ids*t.dim, ids
}
