package unet

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// timeEmbedding turns times, and what else steers the whole picture, into the vector
// that steers the residual blocks.
//
//	t ─ sinusoids ─ + ─ linear_1 ─ SiLU ─ linear_2 ─ + ─ + ─ SiLU ─ temb
//	cond ─ cond_proj┘          class ─ embedding ────┘   │
//	              pooled text, time ids ─ embedding ─────┘
type timeEmbedding struct {
	sinusoids
	learned  *nn.Embedding // of times, in place of sinusoids; mostly nil
	mlp      *embedding
	condProj *nn.Linear      // nil if there is no condition
	class    *classEmbedding // nil if there are no classes
	text     *textTime       // nil if the text as a whole does not enter
}

func newTimeEmbedding(p *nn.Params, c *Config) *timeEmbedding {
	in, out := c.BlockOutChannels[0], c.tembDim()
	t := &timeEmbedding{
		sinusoids: sinusoids{in, c.FlipSinToCos, c.FreqShift},
		mlp:       newEmbedding(p.At("time_embedding"), in, out),
		class:     newClassEmbedding(p.At("class_embedding"), c),
		text:      newTextTime(p.At("add_embedding"), c),
	}
	if c.TimeEmbeddingType == learnedTimes {
		t.learned = p.Embedding("time_proj", *c.Unconditional.NumTrainSteps, in)
	}
	if c.TimeCondProjDim != nil {
		t.condProj = p.Precise().LinearNoBias("time_embedding.cond_proj", *c.TimeCondProjDim, in)
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

// timeCond is the width of the condition that is added to times, or 0 for none.
func (c *Config) timeCond() int {
	if c.TimeCondProjDim == nil {
		return 0
	}
	return *c.TimeCondProjDim
}

// forward maps times [N] and the conditions of the model to the time embedding
// [N temb] after the SiLU with which every residual block begins.
func (t *timeEmbedding) forward(g *nn.Graph, times *G.Node, c *Conditioning[*G.Node]) *G.Node {
	x := g.Mark("time_proj", t.project(g, times))
	if c.TimeCond != nil {
		x = g.Add(x, t.condProj.Forward(g, c.TimeCond))
	}
	temb := t.mlp.forward(g, x)
	if t.class != nil {
		temb = g.Add(temb, t.class.forward(g, c.ClassLabels))
	}
	if t.text != nil {
		temb = g.Add(temb, t.text.forward(g, c.PooledText, c.TimeIDs))
	}
	return g.SiLU(temb)
}

// checkLearned wants times of the table, where they are learned.
func (u *UNet) checkLearned(times []float32) error {
	if u.time.learned == nil {
		return nil
	}
	last := float32(*u.Config.Unconditional.NumTrainSteps - 1)
	for i, v := range times {
		if v != float32(math.Floor(float64(v))) || v < 0 || v > last {
			return fmt.Errorf("timesteps: number %d is %v, want a whole number from 0 to %v: the U-Net has learned those alone", i, v, last)
		}
	}
	return nil
}

// project maps times [N] to [N dim].
func (t *timeEmbedding) project(g *nn.Graph, times *G.Node) *G.Node {
	if t.learned == nil {
		return t.sinusoids.forward(g, times)
	}
	n := g.Shape(times)[0]
	return g.Reshape(t.learned.Forward(g, g.Reshape(times, n, 1), nil), n, t.dim)
}

// sinusoids maps numbers [N] to their sinusoidal embeddings [N dim].
type sinusoids struct {
	dim   int
	flip  bool // cosines first
	shift float64
}

func (s sinusoids) forward(g *nn.Graph, x *G.Node) *G.Node {
	return g.Timesteps(x, s.dim, s.flip, s.shift)
}

// embedding is diffusers' TimestepEmbedding: linear_1 ─ SiLU ─ linear_2.
type embedding struct {
	path             string
	linear1, linear2 *nn.Linear
}

func newEmbedding(p *nn.Params, in, out int) *embedding {
	p = p.Precise()
	return &embedding{p.Path(), p.Linear("linear_1", in, out), p.Linear("linear_2", out, out)}
}

// forward maps x [N in] to [N out].
func (e *embedding) forward(g *nn.Graph, x *G.Node) *G.Node {
	x = g.Mark(e.path+".act", g.SiLU(e.linear1.Forward(g, x)))
	return g.Mark(e.path, e.linear2.Forward(g, x))
}

// GuidanceEmbedding returns the sinusoidal embedding [dim] of a guidance scale, as
// diffusers' pipelines give it to a U-Net that was distilled from guided ones
// (Meng et al. 2023, section 3.1): Conditioning.TimeCond of one sample. It is of w =
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
