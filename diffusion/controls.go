package diffusion

import (
	"errors"
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
)

// controls are those of a call.
type controls struct {
	run     *run
	list    []*steering
	release []func()
	index   callIndex

	memory   *engine.Block // nil before alloc
	sums     arena         // of it: what is added to the inputs of a question
	work     arena         // of it: what one ControlNet reads and makes
	question *question     // whose inputs have sums
	features keptFeatures
}

// steering is a control of a call.
type steering struct {
	Control
	source *source // of the image; nil if there is none
	read   []readControl
}

// readControl is what a network has read: once for all pictures of a call, or once for each.
type readControl struct {
	pixels   *tensor.Dense   // [1 C H W]
	hint     []float32       // a ControlNet's embedding of that, [C h w]
	features []*tensor.Dense // a T2I-Adapter's features, [1 C h w] each
}

// of is what the network has read for picture i.
func (s *steering) of(i int) *readControl { return &s.read[min(i, len(s.read)-1)] }

// takeControls holds the controls that the options name.
func (r *run) takeControls() error {
	if len(r.Controls) == 0 {
		return nil
	}
	if len(r.Controls) > maxControls {
		return badOption("Controls", "have %d, want at most %d", len(r.Controls), maxControls)
	}
	c := &controls{run: r}
	taken := false
	defer func() {
		if !taken {
			c.close()
		}
	}()
	for i := range r.Controls {
		one := r.Controls[i]
		if err := one.check(r.Pipeline, i); err != nil {
			return err
		}
		release, err := one.Loaded.gate.Enter(r.goroutine)
		if err != nil {
			return badOption("Controls", "number %d: %w", i, err)
		}
		c.release = append(c.release, release)
		s := &steering{Control: one}
		if one.Image != nil {
			if s.source, err = newSource("control image", one.Image); err != nil {
				return badOption("Controls", "number %d: %w", i, err)
			}
		}
		c.list = append(c.list, s)
	}
	taken, r.controls = true, c
	r.steers = append(r.steers, c.steer)
	return nil
}

// size is that of the first control's picture, if there is one: where the caller does not
// say how large the result is to be, as large as that.
func (c *controls) size(width, height int) (int, int) {
	if c == nil {
		return width, height
	}
	for _, s := range c.list {
		switch {
		case s.source != nil:
			return s.source.width, s.source.height
		case s.Tensor != nil && s.Tensor.Dims() == 4:
			return s.Tensor.Shape()[3], s.Tensor.Shape()[2]
		}
	}
	return width, height
}

// prepare wants pictures that the networks can read, once the size is known.
func (c *controls) prepare() error {
	if c == nil {
		return nil
	}
	r := c.run
	inpaints := r.paintings() != nil
	for i, s := range c.list {
		switch {
		case s.Tensor != nil:
			if _, err := nn.Floats("tensor", s.Tensor, 1, s.Loaded.channels(), r.Height, r.Width); err != nil {
				return badOption("Controls", "number %d: %w", i, err)
			}
		case s.source == nil && !inpaints:
			return badOption("Controls", "number %d: %w", i, errors.New("have no image, want one: none is for inpainting alone"))
		case s.source == nil && (s.Loaded.net == nil || s.Loaded.channels() != 3):
			return badOption("Controls", "number %d: %w", i, fmt.Errorf("have no image, want one for a %v of %d channels", s.Loaded, s.Loaded.channels()))
		case s.source != nil && s.Loaded.channels() != 3 && s.Loaded.channels() != 1:
			return badOption("Controls", "number %d: %w", i, fmt.Errorf("have an image for a %v that reads %d channels, want a tensor", s.Loaded, s.Loaded.channels()))
		}
		if s.Loaded.adapter != nil {
			if err := r.wholeSquares(i, s.Loaded.adapter.Config.DownscaleFactor); err != nil {
				return err
			}
		}
	}
	c.index = newCallIndex(r)
	return nil
}

// wholeSquares wants the picture, and all that the U-Net sees of it at once, to be made of
// whole squares, as a T2I-Adapter reads them.
func (r *run) wholeSquares(i, side int) error {
	if r.Width%side != 0 || r.Height%side != 0 {
		return badOption("Width", "have %d×%d pixels with a T2I-Adapter that reads squares of %d, want multiples of that", r.Width, r.Height, side)
	}
	f := r.VAE.Config.Factor()
	for _, s := range r.shapes() {
		if s.h*f%side != 0 || s.w*f%side != 0 {
			return badOption("Controls", "number %d: have a window or region of %d×%d pixels with a T2I-Adapter that reads squares of %d, want multiples of that", i, s.w*f, s.h*f, side)
		}
	}
	return nil
}

// identity tells the controls of a run from others.
func (c *controls) identity() []byte {
	var b strings.Builder
	for _, s := range c.list {
		fingerprint := ""
		if s.Loaded.net != nil {
			fingerprint = s.Loaded.net.Fingerprint()
		} else {
			fingerprint = s.Loaded.adapter.Fingerprint()
		}
		fmt.Fprintf(&b, "%v %s %v %v %v %v\n", s.Loaded, fingerprint, s.scale(), s.Start, s.end(), s.Guess)
	}
	return []byte(b.String())
}

// close gives back what the call holds of the controls.
func (c *controls) close() {
	if c == nil {
		return
	}
	for _, release := range c.release {
		release()
	}
	c.release = nil
	if c.memory != nil {
		c.memory.Free()
	}
}
