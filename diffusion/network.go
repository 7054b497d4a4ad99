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
	h, w    int // of the window
	batches []batch
	parts   []side // one after the other, of each batch
}

// side is what the U-Net reads side by side.
type side struct {
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
		of := rest[:n.batches[k].texts]
		rest = rest[len(of):]
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

// network returns that for a question. Only the last one is kept, as there may be as many as
// windows with other regions in them.
func (g *guide) network(q *question) *network {
	forms := make([]form, len(q.of))
	for k, r := range q.of {
		forms[k] = r.form()
	}
	batches := inBatches(forms)
	if n := g.last; n != nil && n.h == q.window.h && n.w == q.window.w && slices.Equal(n.batches, batches) {
		return n
	}
	g.last = &network{guide: g, h: q.window.h, w: q.window.w, batches: batches}
	for _, b := range batches {
		shape := []int{b.texts, g.UNet.Config.InChannels, q.window.h, q.window.w}
		g.last.parts = append(g.last.parts, side{
			input: engine.Tensor(make([]float32, tensor.Shape(shape).TotalSize()), shape...), net: g.within(b.on(g.net), q.window.h, q.window.w),
		})
	}
	return g.last
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
	one := len(data) / len(part.of)
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
	var names []string
	numbers := ""
	for _, part := range n.parts {
		for k, r := range part.of {
			names = append(names, string(r.condition))
			if r.text > 0 {
				numbers += fmt.Sprintf(" %s.%d: %d", r.condition, k, r.text)
			}
		}
	}
	return strings.Join(names, " ") + numbers
}

// outputs runs the U-Net for image i, once for each input.
func (n *network) outputs(ctx context.Context, i int, inputs []unet.Input) (outputs [][]float32, err error) {
	if n.keeper != nil {
		return n.keeper.predict(ctx, i, n.said(), n.batches, inputs)
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
