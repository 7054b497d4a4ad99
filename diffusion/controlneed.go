package diffusion

import (
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// arena gives parts of a memory for numbers, one after the other.
type arena struct{ all, rest []float32 }

func newArena(x []float32) arena { return arena{x, x} }

// reset makes all of it free again.
func (a *arena) reset() { a.rest = a.all }

// tensor takes memory for one of a shape, or new memory if there is no room, of a size that
// was not foreseen.
func (a *arena) tensor(shape []int) *tensor.Dense {
	n := tensor.Shape(shape).TotalSize()
	if n > len(a.rest) {
		return engine.Tensor(make([]float32, n), shape...)
	}
	x := a.rest[:n:n]
	a.rest = a.rest[n:]
	return engine.Tensor(x, shape...)
}

// residuals takes memory for those of a ControlNet for n samples of a window.
func (a *arena) residuals(net *unet.ControlNet, n int, w window) *unet.Residuals[*tensor.Dense] {
	var list []*tensor.Dense
	for _, shape := range net.ResidualShapes(n, w.h, w.w) {
		list = append(list, a.tensor(shape))
	}
	last := len(list) - 1
	return &unet.Residuals[*tensor.Dense]{Down: list[:last], Mid: list[last]}
}

// numbers is how many the sums have at most for one question, and the work.
func (c *controls) numbers() (sums, work int) {
	net := c.first()
	if net == nil {
		return 0, 0
	}
	for _, s := range c.run.shapes() {
		one := 0
		for _, shape := range net.ResidualShapes(s.texts, s.h, s.w) {
			one += tensor.Shape(shape).TotalSize()
		}
		sums += one
		work = max(work, one+s.texts*net.Config.BlockOutChannels[0]*s.h*s.w)
	}
	return sums, work
}

// held is the bytes that the controls hold from the beginning of a call to its end.
func (c *controls) held() int64 {
	if c == nil {
		return 0
	}
	sums, work := c.numbers()
	return 4 * int64(sums+work)
}

// alloc takes the memory, which the call has claimed.
func (c *controls) alloc() (err error) {
	sums, work := c.numbers()
	if c.memory, err = engine.Scratch(sums+work, "what ControlNets add"); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	c.sums, c.work = newArena(c.memory.Data[:sums]), newArena(c.memory.Data[sums:])
	return nil
}

// small is the bytes that the controls take in small pieces: pictures, and what is kept of
// them.
func (c *controls) small() (n int64) {
	if c == nil {
		return 0
	}
	r := c.run
	beside := 0
	for _, s := range r.shapes() {
		beside = max(beside, s.texts)
	}
	pixels, cells := int64(r.Width)*int64(r.Height), int64(r.h)*int64(r.w)
	for _, s := range c.list {
		times := int64(1)
		if !r.alike(s) {
			times = int64(r.pictures())
		}
		channels := int64(s.Loaded.channels())
		n += collected * (3 + 4*channels*times) * pixels
		if s.source != nil {
			n += collected * s.source.resizing(r.Width, r.Height)
		}
		if s.Loaded.net != nil {
			n += collected * 4 * times * int64(s.Loaded.net.Config.BlockOutChannels[0]) * cells
			continue
		}
		features := 4 * s.Loaded.adapter.FeatureNumbers(r.Height, r.Width)
		n += collected * features * (times + int64(beside))
	}
	return n
}

// turn is the most bytes that one of the networks takes while it runs.
func (c *controls) turn() (most int64, err error) {
	if c == nil {
		return 0, nil
	}
	r := c.run
	shapes := r.shapes()
	for _, s := range c.list {
		n, err := s.Loaded.values(r.Height, r.Width, r.h, r.w, shapes)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// values is the most bytes that the network takes while it runs for a picture of
// height×width pixels and latents of h×w, with a U-Net that is called with some shapes.
func (l *LoadedControl) values(height, width, h, w int, shapes []shape) (int64, error) {
	if l.net == nil {
		return l.adapter.Values(1, height, width)
	}
	most, err := l.net.EmbedValues(h, w)
	if err != nil {
		return 0, err
	}
	for _, s := range shapes {
		n, err := l.net.Values(s.texts, s.h, s.w, s.tokens)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// planControls adds the plans of networks that steer the model for a picture of a size.
func (p *Pipeline) planControls(list []Control, s size, add func(*PartPlan, error) *PartPlan) error {
	for i := range list {
		c := &list[i]
		if err := c.check(p, i); err != nil {
			return err
		}
		if c.Loaded.net == nil {
			continue // it runs once
		}
		for _, b := range s.batches {
			add(c.Loaded.net.Plan(b.texts, s.h, s.w, b.tokens))
		}
	}
	return nil
}
