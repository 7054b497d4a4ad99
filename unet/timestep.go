package unet

import (
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// timeEmbedding turns times, and what else the model has of a condition and of
// class labels, into the vector that steers the residual blocks.
//
//	t ─ sinusoids ─ + ─ linear_1 ─ SiLU ─ linear_2 ─ + ─ temb
//	cond ─ cond_proj┘          label ─ embedding ────┘
type timeEmbedding struct {
	dim              int // of the sinusoids
	flip             bool
	shift            float64
	linear1, linear2 *nn.Linear
	condProj         *nn.Linear    // nil if there is no condition
	classes          *nn.Embedding // nil if there are no class labels
}

func newTimeEmbedding(p *nn.Params, c *Config) *timeEmbedding {
	in, out := c.BlockOutChannels[0], c.tembDim()
	t := &timeEmbedding{
		dim: in, flip: c.FlipSinToCos, shift: c.FreqShift,
		linear1: p.Precise().Linear("time_embedding.linear_1", in, out),
		linear2: p.Precise().Linear("time_embedding.linear_2", out, out),
	}
	if c.TimeCondProjDim != nil {
		t.condProj = p.Precise().LinearNoBias("time_embedding.cond_proj", *c.TimeCondProjDim, in)
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

// forward maps times [N], labels [N 1] if there are classes, and a condition [N D]
// or nil, to the time embedding [N temb] after the SiLU with which every residual
// block begins.
func (t *timeEmbedding) forward(g *nn.Graph, in Nodes) *G.Node {
	temb := g.Mark("time_proj", g.Timesteps(in.Timesteps, t.dim, t.flip, t.shift))
	if in.TimeCond != nil {
		temb = g.Add(temb, t.condProj.Forward(g, in.TimeCond))
	}
	temb = g.Mark("time_embedding.act", g.SiLU(t.linear1.Forward(g, temb)))
	temb = g.Mark("time_embedding", t.linear2.Forward(g, temb))
	if t.classes != nil {
		class := t.classes.Forward(g, in.ClassLabels, nil) // [N 1 temb]
		s := g.Shape(class)
		temb = g.Add(temb, g.Mark("class_embedding", g.Reshape(class, s[0], s[2])))
	}
	return g.SiLU(temb)
}

// GuidanceEmbedding returns the sinusoidal embedding [dim] of a guidance scale, as
// diffusers' pipelines give it to a U-Net that was distilled from guided ones
// (Meng et al. 2023, section 3.1): Input.TimeCond of one sample. It is of w =
// scale−1, the weight in that paper, in float32 throughout. Dim is at most 32768, as in
// a config; more counts as that.
//
// https://arxiv.org/abs/2210.03142
func GuidanceEmbedding(scale float64, dim int) []float32 {
	out := make([]float32, min(max(dim, 0), maxChannels))
	half := len(out) / 2
	w := float32(scale-1) * 1000
	falloff := float32(math.Log(10000))
	if half > 1 {
		falloff /= float32(half - 1)
	}
	for i := range half {
		phase := float64(w * float32(math.Exp(float64(float32(i)*-falloff))))
		out[i], out[half+i] = float32(math.Sin(phase)), float32(math.Cos(phase))
	}
	return out
}
