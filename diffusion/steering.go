package diffusion

import (
	"context"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// begin counts a call of the denoiser.
func (c *controls) begin(sigma float64) {
	if c != nil {
		c.index.begin(sigma)
	}
}

// nets says whether there are ControlNets.
func (c *controls) nets() bool { return c != nil && c.first() != nil }

// first is the first ControlNet, or nil.
func (c *controls) first() *unet.ControlNet {
	for _, s := range c.list {
		if s.Loaded.net != nil {
			return s.Loaded.net
		}
	}
	return nil
}

// on returns a U-Net that counts what the controls add.
func (c *controls) on(u *unet.UNet) *unet.UNet {
	if c == nil {
		return u
	}
	return u.Expecting(c.nets(), c.levels())
}

// steer adds to an input of the U-Net what the controls make of it.
func (c *controls) steer(ctx context.Context, q *question, of []*reads, in *unet.Input) error {
	if err := c.addResiduals(ctx, q, of, in); err != nil {
		return err
	}
	return c.addFeatures(ctx, q, len(of), in)
}

// addResiduals adds up those of the ControlNets. A run that keeps features gets zeros where
// there are none, so that all its calls have the same inputs.
func (c *controls) addResiduals(ctx context.Context, q *question, of []*reads, in *unet.Input) error {
	if !c.nets() {
		return nil
	}
	if c.question != q {
		c.question = q
		c.sums.reset()
	}
	total := c.sums.residuals(c.first(), len(of), q.window)
	clearResiduals(total)
	any := c.run.keeper != nil
	for _, s := range c.list {
		if s.Loaded.net == nil || !c.index.within(s.Start, s.end()) {
			continue
		}
		chosen := s.chosen(c.run, of)
		if len(chosen) == 0 {
			continue
		}
		r, err := s.predict(ctx, c, q, of, chosen, in)
		if err != nil {
			return err
		}
		addScaled(total, r, chosen, s.Loaded.net.Scales(s.scale(), s.guesses()))
		any = true
	}
	if any {
		in.Cond.Residuals = total
	}
	return nil
}

// chosen are the places among reads of those that the network is used with.
func (s *steering) chosen(r *run, of []*reads) (chosen []int) {
	for k, one := range of {
		if !s.guesses() || !r.negative(one.condition) {
			chosen = append(chosen, k)
		}
	}
	return chosen
}

// predict returns the residuals of a ControlNet for the chosen samples of an input.
func (s *steering) predict(ctx context.Context, c *controls, q *question, of []*reads, chosen []int, in *unet.Input) (*unet.Residuals[*tensor.Dense], error) {
	net, n, w := s.Loaded.net, len(chosen), q.window
	c.work.reset()
	hint := c.work.tensor([]int{n, net.Config.BlockOutChannels[0], w.h, w.w})
	x := hint.Float32s()
	one := len(x) / n
	w.crop(x[:one], s.of(q.image).hint, c.run.h, c.run.w)
	for k := 1; k < n; k++ {
		copy(x[k*one:], x[:one])
	}
	input := unet.ControlInput{Input: *in, Hint: hint, Into: c.work.residuals(net, n, w)}
	input.Latents = samples(in.Latents, chosen, net.Config.InChannels)
	input.Cond = s.conditioning(c.run.guide, of, chosen, in)
	return net.Predict(c.run.in(ctx), input)
}

// conditioning is what the network reads of what the U-Net does.
func (s *steering) conditioning(g *guide, of []*reads, chosen []int, in *unet.Input) unet.Conditioning[*tensor.Dense] {
	all := in.Cond
	if len(chosen) < len(of) {
		some := make([]*reads, len(chosen))
		for i, k := range chosen {
			some[i] = of[k]
		}
		all = g.conditioning(some)
	}
	config := &s.Loaded.net.Config
	cond := unet.Conditioning[*tensor.Dense]{Tokens: all.Tokens, TokenMask: all.TokenMask}
	if config.AdditionEmbedType != nil {
		cond.PooledText, cond.TimeIDs = all.PooledText, all.TimeIDs
	}
	if config.ClassEmbedType != nil || config.NumClassEmbeds != nil {
		cond.ClassLabels = all.ClassLabels
	}
	return cond
}

// samples returns some of the samples of x [N C h w] with their first channels: x itself
// if that is all.
func samples(x *tensor.Dense, chosen []int, channels int) *tensor.Dense {
	s := x.Shape()
	if len(chosen) == s[0] && channels == s[1] {
		return x
	}
	plane := s[2] * s[3]
	out := make([]float32, 0, len(chosen)*channels*plane)
	for _, k := range chosen {
		out = append(out, x.Float32s()[k*s[1]*plane:][:channels*plane]...)
	}
	return engine.Tensor(out, len(chosen), channels, s[2], s[3])
}

// residualsOf are the residuals, Mid's last.
func residualsOf(r *unet.Residuals[*tensor.Dense]) []*tensor.Dense {
	return append(slices.Clone(r.Down), r.Mid)
}

func clearResiduals(r *unet.Residuals[*tensor.Dense]) {
	for _, x := range residualsOf(r) {
		clear(x.Float32s())
	}
}

// addScaled adds residuals, each times its scale, to those of the chosen samples.
func addScaled(total, r *unet.Residuals[*tensor.Dense], chosen []int, scales []float32) {
	from := residualsOf(r)
	for i, to := range residualsOf(total) {
		dst, src := to.Float32s(), from[i].Float32s()
		n := len(src) / len(chosen)
		for j, k := range chosen {
			sum, part := dst[k*n:][:n], src[j*n:][:n]
			for x, v := range part {
				sum[x] += float32(v * scales[i])
			}
		}
	}
}
