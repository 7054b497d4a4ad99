package diffusion

import (
	"context"
	"fmt"

	"sdgo/internal/engine"
	"sdgo/internal/pillow"
)

// paintings is what a task has that repaints a part of images, or nil.
func (r *run) paintings() *painting {
	switch t := r.task.(type) {
	case *inpaintOutside:
		return &t.painting
	case *inpaintTrained:
		return &t.painting
	}
	return nil
}

// pictures is how many pictures each network reads: one for all of a call, or one for each
// where these are made of images of their own.
func (r *run) pictures() int {
	if p := r.paintings(); p != nil {
		return len(p.given)
	}
	return 1
}

// readAll has the networks read their pictures, once the task has read its own.
func (c *controls) readAll(ctx context.Context) error {
	if c == nil {
		return nil
	}
	if err := c.alloc(); err != nil {
		return err
	}
	if c.run.OnStep != nil || c.run.Resume != nil {
		c.run.note("controls", c.identity())
	}
	for i, s := range c.list {
		for picture := range c.run.pictures() {
			x, err := s.readOne(ctx, c.run, picture)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return badOption("Controls", "number %d: %w", i, err)
			}
			s.read = append(s.read, x)
			c.run.note(fmt.Sprintf("control %d of picture %d", i, picture), x.pixels.Float32s())
			if c.run.alike(s) {
				break
			}
		}
	}
	return nil
}

// alike says whether a network reads the same for all pictures of a call.
func (r *run) alike(s *steering) bool {
	return s.Tensor != nil || s.source != nil && r.MaskPadding == 0
}

// readOne makes what the network needs of its picture once for all calls.
func (s *steering) readOne(ctx context.Context, r *run, picture int) (c readControl, err error) {
	x, err := s.picture(ctx, r, picture)
	if err != nil {
		return c, err
	}
	if err := checkFinite("control image", x); err != nil {
		return c, err
	}
	c.pixels = engine.Tensor(x, 1, s.Loaded.channels(), r.Height, r.Width)
	if s.Loaded.net != nil {
		hint, err := s.Loaded.net.Embed(r.in(ctx), c.pixels)
		if err != nil {
			return c, err
		}
		c.hint = hint.Float32s()
		return c, checkFinite("what it made of its image", c.hint)
	}
	if c.features, err = s.Loaded.adapter.Predict(r.in(ctx), c.pixels); err != nil {
		return c, err
	}
	for _, f := range c.features {
		if err := checkFinite("what it made of its image", f.Float32s()); err != nil {
			return c, err
		}
	}
	return c, nil
}

// picture returns what the network reads for a picture, [1 C H W].
func (s *steering) picture(ctx context.Context, r *run, i int) ([]float32, error) {
	switch {
	case s.Tensor != nil:
		return s.Tensor.Float32s(), nil
	case s.source == nil:
		return r.paintings().at(i).hidden(), nil
	}
	p, err := s.stretched(ctx, r, i)
	if err != nil {
		return nil, err
	}
	if s.Loaded.channels() == 1 {
		for i := range p.width * p.height {
			p.pix[i] = pillow.Luma(p.pix[3*i], p.pix[3*i+1], p.pix[3*i+2])
		}
		p.pix = p.pix[:p.width*p.height]
	}
	return unitPlanes(p.pix, s.Loaded.channels()), nil
}

// stretched is the image in the size of the picture; of one that a part of an image is
// drawn for, the same part.
func (s *steering) stretched(ctx context.Context, r *run, i int) (pixels, error) {
	rgb := s.source.rgb(ctx)
	if p := r.paintings(); p != nil && p.at(i).part != nil {
		whole := p.at(i).original
		return p.at(i).part.enlarged(ctx, resize(ctx, rgb, whole.width, whole.height))
	}
	return resize(ctx, rgb, r.Width, r.Height).collect()
}

// hidden is the image [1 3 H W] with values from 0 to 1, and -1 where it is repainted.
func (p *painted) hidden() []float32 {
	out := make([]float32, len(p.pixels))
	for i, v := range p.pixels {
		if out[i] = (v + 1) / 2; p.area.gray[i%len(p.area.gray)] >= repaintFrom {
			out[i] = -1
		}
	}
	return out
}

// unitPlanes returns pixels [H W C] as [C H W] with values from 0 to 1.
func unitPlanes(pix []uint8, channels int) []float32 {
	x, plane := make([]float32, len(pix)), len(pix)/channels
	for i, v := range pix {
		x[i%channels*plane+i/channels] = float32(v) / 255
	}
	return x
}
