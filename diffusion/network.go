package diffusion

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// network is the U-Net for questions of one kind.
type network struct {
	*guide
	names string // of the conditions
	h, w  int    // of the window
	forms []form
	parts []side // one after the other
}

// side is what the U-Net reads side by side.
type side struct {
	batch
	of    []*reads
	cond  unet.Conditioning[*tensor.Dense]
	input *tensor.Dense // [K C h w]
	net   *unet.UNet
}

// ask is the [predictor] that asks the U-Net.
func (g *guide) ask(ctx context.Context, q *question) ([]float32, error) {
	n := g.network(q)
	low, high := g.schedule.TimestepRange()
	inputs := make([]unet.Input, len(n.parts))
	rest := q.of
	for k := range n.parts {
		part := &n.parts[k]
		of := rest[:part.texts]
		rest = rest[part.texts:]
		if !slices.Equal(part.of, of) {
			part.of, part.cond = of, g.conditioning(of)
		}
		n.fill(part, q)
		inputs[k] = unet.Input{
			Latents: part.input, Timesteps: []float64{g.schedule.Timestep(q.sigma)}, TimestepRange: [2]float64{low, high},
			Cond: part.cond,
		}
		for _, steer := range g.steers {
			if err := steer(ctx, q, of, &inputs[k]); err != nil {
				return nil, err
			}
		}
	}
	outputs, err := n.outputs(g.in(ctx), q.image, inputs)
	if err != nil {
		return nil, err
	}
	if len(outputs) > 1 {
		outputs[0] = slices.Concat(outputs...)
	}
	return outputs[0], nil
}

// network returns that for a question.
func (g *guide) network(q *question) *network {
	names := make([]string, len(q.of))
	forms := make([]form, len(q.of))
	for k, r := range q.of {
		names[k], forms[k] = string(r.condition), r.form()
	}
	joined := strings.Join(names, " ")
	for _, n := range g.networks {
		if n.names == joined && n.h == q.window.h && n.w == q.window.w && slices.Equal(n.forms, forms) {
			return n
		}
	}
	n := &network{guide: g, names: joined, h: q.window.h, w: q.window.w, forms: forms}
	in := g.UNet.Config.InChannels
	for _, b := range inBatches(forms) {
		n.parts = append(n.parts, side{
			batch: b, input: engine.Tensor(make([]float32, b.texts*in*n.h*n.w), b.texts, in, n.h, n.w), net: g.within(b.on(g.net), n.h, n.w),
		})
	}
	g.networks = append(g.networks, n)
	return n
}

// conditioning is what the U-Net reads side by side, beside the further channels.
func (g *guide) conditioning(of []*reads) unet.Conditioning[*tensor.Dense] {
	return unet.Conditioning[*tensor.Dense]{
		Tokens:      joined(of, func(r *reads) *tensor.Dense { return r.tokens }),
		ImageTokens: joined(of, func(r *reads) *tensor.Dense { return r.images }),
		PooledText:  vectors(of, false, func(r *reads) []float32 { return r.pooled }),
		TimeIDs:     vectors(of, false, func(r *reads) []float32 { return r.ids }),
		ClassLabels: vectors(of, true, func(r *reads) []float32 { return r.classes }),
		TimeCond:    g.guidanceCond(len(of)),
	}
}

// fill writes the latents, at unit variance, and the further channels of an image for each
// text.
func (n *network) fill(part *side, q *question) {
	scale := float32(1 / math.Sqrt(q.sigma*q.sigma+1))
	if d := n.schedule.SigmaData; d != 0 {
		scale = float32(1 / math.Sqrt(q.sigma*q.sigma+d*d))
	}
	data := part.input.Float32s()
	one := len(data) / part.texts
	for k, r := range part.of {
		to := data[k*one : (k+1)*one]
		for j, v := range q.x {
			to[j] = v * scale
		}
		extra := r.extra
		if extra == nil {
			extra = n.extra
		}
		if extra != nil {
			q.window.crop(to[len(q.x):], extra[q.image], n.run.h, n.run.w)
		}
	}
}

// said are the names of the conditions, with the numbers of their texts where these are not the
// first.
func (n *network) said() string {
	said := n.names
	for _, part := range n.parts {
		for k, r := range part.of {
			if r.text > 0 {
				said += fmt.Sprintf(" %s.%d: %d", r.condition, k, r.text)
			}
		}
	}
	return said
}

// outputs runs the U-Net for image i, once for each input.
func (n *network) outputs(ctx context.Context, i int, inputs []unet.Input) (outputs [][]float32, err error) {
	if n.keeper != nil {
		return n.keeper.predict(ctx, i, n.said(), inBatches(n.forms), inputs)
	}
	for k, in := range inputs {
		y, err := n.parts[k].net.Predict(ctx, in)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, y.Float32s())
	}
	return outputs, nil
}
