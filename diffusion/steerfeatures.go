package diffusion

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// levels is how many features the T2I-Adapters make.
func (c *controls) levels() (n int) {
	if c != nil {
		for _, s := range c.list {
			if s.Loaded.adapter != nil {
				n = max(n, s.Loaded.adapter.Features())
			}
		}
	}
	return n
}

// keptFeatures are the sums of the last input, for the next one like it.
type keptFeatures struct {
	window window
	image  int // of the call, as far as their features differ
	n      int
	active uint // a bit for each control
	sums   []*tensor.Dense
}

// addFeatures adds up those of the T2I-Adapters. A run that keeps features of the U-Net gets
// zeros where there are none, so that all its calls have the same inputs.
func (c *controls) addFeatures(ctx context.Context, q *question, n int, in *unet.Input) error {
	if c.levels() == 0 {
		return nil
	}
	image := q.image
	if c.run.pictures() == 1 {
		image = 0
	}
	k := keptFeatures{window: q.window, image: image, n: n}
	for i, s := range c.list {
		if s.Loaded.adapter != nil && c.index.before(s.end()) && c.index.within(s.Start, 1) {
			k.active |= 1 << i
		}
	}
	if k.active == 0 && c.run.keeper == nil {
		return nil
	}
	if last := &c.features; last.window == k.window && last.image == k.image && last.n == n && last.active == k.active && last.sums != nil {
		k.sums = last.sums
	} else if err := c.sumFeatures(ctx, &k); err != nil {
		return err
	}
	c.features = k
	levels := min(len(k.sums), len(c.run.UNet.Config.BlockOutChannels))
	in.Cond.Features = &unet.Features[*tensor.Dense]{Levels: k.sums[:levels]}
	if len(k.sums) > levels {
		in.Cond.Features.Mid = k.sums[levels]
	}
	return nil
}

// sumFeatures makes the sums.
func (c *controls) sumFeatures(ctx context.Context, k *keptFeatures) error {
	for i, s := range c.list {
		if s.Loaded.adapter == nil {
			continue
		}
		features, err := s.window(ctx, c.run, k.image, k.window)
		if err != nil {
			return err
		}
		scale := float32(0)
		if k.active>>i&1 == 1 {
			scale = float32(s.scale())
		}
		if k.sums, err = addFeatures(k.sums, features, k.n, scale); err != nil {
			return err
		}
	}
	return nil
}

// addFeatures adds features [1 C h w], times a scale, to sums [N C h w] of which all
// samples are the same.
func addFeatures(sums, features []*tensor.Dense, n int, scale float32) ([]*tensor.Dense, error) {
	for i, f := range features {
		shape := f.Shape().Clone()
		shape[0] = n
		if i == len(sums) {
			sums = append(sums, engine.Tensor(make([]float32, shape.TotalSize()), shape...))
		}
		if !sums[i].Shape().Eq(shape) {
			return nil, fmt.Errorf("diffusion: controls: have T2I-Adapters with features %v and %v of level %d, want the same shapes", []int(sums[i].Shape()), []int(shape), i)
		}
		dst, src := sums[i].Float32s(), f.Float32s()
		for j := range dst {
			dst[j] += float32(src[j%len(src)] * scale)
		}
	}
	return sums, nil
}

// window returns the features of the part of the picture that a window shows: a part of
// those of the whole, where the window lies on their cells, and else made anew.
func (s *steering) window(ctx context.Context, r *run, image int, w window) ([]*tensor.Dense, error) {
	if w == r.whole() {
		return s.of(image).features, nil
	}
	var parts []*tensor.Dense
	for _, f := range s.of(image).features {
		shape := f.Shape()
		v, ok := w.scaled(r.h, r.w, shape[2], shape[3])
		if !ok {
			return s.anew(ctx, r, image, w)
		}
		part := engine.Tensor(make([]float32, shape[1]*v.h*v.w), 1, shape[1], v.h, v.w)
		v.crop(part.Float32s(), f.Float32s(), shape[2], shape[3])
		parts = append(parts, part)
	}
	return parts, nil
}

// scaled is the window in an image of h×w cells for all of the latents' H×W, if its edges
// lie between them.
func (v window) scaled(height, width, h, w int) (window, bool) {
	if height%h != 0 || width%w != 0 {
		return v, false
	}
	down, across := height/h, width/w
	s := window{v.top / down, v.left / across, v.h / down, v.w / across}
	return s, v == window{s.top * down, s.left * across, s.h * down, s.w * across}
}

// anew makes the features of the pixels that a window shows.
func (s *steering) anew(ctx context.Context, r *run, image int, w window) ([]*tensor.Dense, error) {
	f := r.VAE.Config.Factor()
	v := window{w.top * f, w.left * f, w.h * f, w.w * f}
	channels := s.Loaded.channels()
	x := engine.Tensor(make([]float32, channels*v.h*v.w), 1, channels, v.h, v.w)
	v.crop(x.Float32s(), s.of(image).pixels.Float32s(), r.Height, r.Width)
	return s.Loaded.adapter.Predict(r.in(ctx), x)
}
