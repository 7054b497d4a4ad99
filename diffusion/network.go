package diffusion

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// network is the U-Net with some of a run's conditions, which it reads side by side.
type network struct {
	*guide
	names string        // of the conditions
	texts int           // how many
	cond  *tensor.Dense // [K T D]
	scale *tensor.Dense // embedding of the guidance scale, for a U-Net that reads it
	input *tensor.Dense // [K C h w]
}

// network returns that with the conditions, which are in the order of the run's.
func (g *guide) network(conditions []Condition) (*network, error) {
	names := make([]string, len(conditions))
	for k, c := range conditions {
		names[k] = string(c)
	}
	key := strings.Join(names, " ")
	if n := g.networks[key]; n != nil {
		return n, nil
	}
	n := &network{guide: g, names: key, texts: len(conditions), scale: g.guidanceCond()}
	var all []float32
	shape := g.prompts[conditions[0]].Shape()
	for _, c := range conditions {
		text := g.prompts[c]
		if !text.Shape().Eq(shape) {
			return nil, fmt.Errorf("conditions: have embeddings %v and %v side by side, want equal shapes", shape, text.Shape())
		}
		all = append(all, text.Float32s()...)
	}
	n.cond = engine.Tensor(all, n.texts, shape[1], shape[2])
	in := g.UNet.Config.InChannels
	n.input = engine.Tensor(make([]float32, n.texts*in*g.h*g.w), n.texts, in, g.h, g.w)
	g.networks[key] = n
	return n, nil
}

// predict returns the output [K C h w] of the U-Net for image i, whose latents are x. It
// is valid until the next call.
func (n *network) predict(ctx context.Context, i int, x []float32, sigma float64) ([]float32, error) {
	scale := float32(1 / math.Sqrt(sigma*sigma+1)) // to unit variance
	low, high := n.schedule.TimestepRange()
	data := n.input.Float32s()
	for j, v := range x {
		data[j] = v * scale
	}
	if n.extra != nil {
		copy(data[n.size:], n.extra[i])
	}
	one := len(data) / n.texts
	for k := 1; k < n.texts; k++ {
		copy(data[k*one:], data[:one])
	}
	in := unet.Input{
		Latents: n.input, Timesteps: []float64{n.schedule.Timestep(sigma)}, TimestepRange: [2]float64{low, high},
		Cond: unet.Conditioning[*tensor.Dense]{Tokens: n.cond, TimeCond: n.scale},
	}
	var y *tensor.Dense
	var err error
	if n.keeper != nil {
		y, err = n.keeper.predict(n.in(ctx), i, n.names, in)
	} else {
		y, err = n.net.Predict(n.in(ctx), in)
	}
	if err != nil {
		return nil, err
	}
	return y.Float32s(), checkFinite("unet", y.Float32s())
}
