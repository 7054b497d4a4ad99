package diffusion

import (
	"context"
	"math"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// network is the U-Net with some of a run's conditions.
type network struct {
	*guide
	names string    // of the conditions
	parts []reading // one after the other
}

// reading is what the U-Net reads side by side.
type reading struct {
	batch
	cond  unet.Conditioning[*tensor.Dense]
	input *tensor.Dense // [K C h w]
}

// network returns that with the conditions, which are in the order of the run's.
func (g *guide) network(conditions []Condition) *network {
	names := make([]string, len(conditions))
	for k, c := range conditions {
		names[k] = string(c)
	}
	key := strings.Join(names, " ")
	if n := g.networks[key]; n != nil {
		return n
	}
	n := &network{guide: g, names: key}
	rest := conditions
	for _, b := range g.batches(conditions) {
		n.parts = append(n.parts, g.reading(b, rest[:b.texts]))
		rest = rest[b.texts:]
	}
	g.networks[key] = n
	return n
}

// reading returns that of conditions whose embeddings have the same shape.
func (g *guide) reading(b batch, conditions []Condition) reading {
	tokens := g.prompts[conditions[0]]
	if b.texts > 1 {
		var all []float32
		for _, c := range conditions {
			all = append(all, g.prompts[c].Float32s()...)
		}
		tokens = engine.Tensor(all, b.texts, b.tokens, tokens.Shape()[2])
	}
	cond := unet.Conditioning[*tensor.Dense]{Tokens: tokens, TimeCond: g.guidanceCond()}
	if g.xl() {
		cond.PooledText, cond.TimeIDs = g.added(conditions)
	}
	in := g.UNet.Config.InChannels
	return reading{b, cond, engine.Tensor(make([]float32, b.texts*in*g.h*g.w), b.texts, in, g.h, g.w)}
}

// predict returns the output [K C h w] of the U-Net for image i, whose latents are x. It
// is valid until the next call.
func (n *network) predict(ctx context.Context, i int, x []float32, sigma float64) ([]float32, error) {
	low, high := n.schedule.TimestepRange()
	inputs := make([]unet.Input, len(n.parts))
	for k := range n.parts {
		part := &n.parts[k]
		n.fill(part, i, x, sigma)
		inputs[k] = unet.Input{
			Latents: part.input, Timesteps: []float64{n.schedule.Timestep(sigma)}, TimestepRange: [2]float64{low, high},
			Cond: part.cond,
		}
	}
	outputs, err := n.outputs(n.in(ctx), i, inputs)
	if err != nil {
		return nil, err
	}
	if len(outputs) > 1 {
		outputs[0] = slices.Concat(outputs...)
	}
	return outputs[0], checkFinite("unet", outputs[0])
}

// fill writes the latents, at unit variance, and the further channels of image i for each
// text.
func (n *network) fill(part *reading, i int, x []float32, sigma float64) {
	scale := float32(1 / math.Sqrt(sigma*sigma+1))
	if d := n.schedule.SigmaData; d != 0 {
		scale = float32(1 / math.Sqrt(sigma*sigma+d*d))
	}
	data := part.input.Float32s()
	for j, v := range x {
		data[j] = v * scale
	}
	if n.extra != nil {
		copy(data[n.size:], n.extra[i])
	}
	one := len(data) / part.texts
	for k := 1; k < part.texts; k++ {
		copy(data[k*one:], data[:one])
	}
}

// outputs runs the U-Net for image i, once for each input.
func (n *network) outputs(ctx context.Context, i int, inputs []unet.Input) (outputs [][]float32, err error) {
	if n.keeper != nil {
		return n.keeper.predict(ctx, i, n.names, inputs)
	}
	for _, in := range inputs {
		y, err := n.net.Predict(ctx, in)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, y.Float32s())
	}
	return outputs, nil
}
