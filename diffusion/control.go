package diffusion

import (
	"errors"
	"fmt"
	"image"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/unet"
)

// Control steers a picture by another one: edges, a pose, a depth map, whatever the network
// was trained for. Controls add up.
type Control struct {
	// Loaded is the network.
	Loaded *LoadedControl

	// Image is what the network reads, made by a preprocessor mostly. It is stretched over
	// the picture; a network that reads one channel gets its luminance. It is read during
	// the call and must not change. Nil, without a Tensor, is an error but in Inpaint: there
	// it means what the ControlNet for inpainting wants, the image with −1 for all pixels
	// that are to be repainted.
	Image image.Image

	// Tensor [1 C H W] is what the network reads, as it is, in place of an image: of the
	// size of the picture, mostly with numbers from 0 to 1. It must not change during the
	// call.
	Tensor *tensor.Dense

	// Scale is by how much what the network adds is multiplied, -1000 to 1000. Zero means 1.
	Scale float64

	// Start and End say in which part of the run the network is used: shares of its calls
	// of the model, 0 to 1, as diffusers' control_guidance_start and control_guidance_end.
	// A T2I-Adapter's End is diffusers' adapter_conditioning_factor. End zero means 1.
	Start, End float64

	// Guess has a ControlNet recognise what is in the image even where the prompt does not
	// say it ("guess mode"): it is not used with the negative prompt, and what it adds
	// grows with depth from a tenth of Scale. A guidance of 3 to 5 suits it. A ControlNet
	// that tells of the picture as a whole (global_pool_conditions) always leaves the
	// negative prompt alone. It is an error for a T2I-Adapter.
	Guess bool
}

// LoadedControl is a network that steers a model by pictures: a ControlNet (Zhang et al.
// 2023) or a T2I-Adapter (Mou et al. 2023), as [Pipeline.LoadControl] loads it. It is a
// value: calls take it in Options.Controls, any number of them at once, and the model stays
// as it was. It is safe for concurrent use.
//
// https://arxiv.org/abs/2302.05543
// https://arxiv.org/abs/2302.08453
type LoadedControl struct {
	// Warnings are what the network's files have that was left out, one sentence each.
	Warnings []string

	net     *unet.ControlNet
	adapter *unet.T2IAdapter // if it is none
	of      *model.Model     // the U-Net that it was loaded for
	gate    *model.Gate
}

// String says what kind of network it is.
func (l *LoadedControl) String() string {
	switch {
	case l.ready() != nil:
		return "none"
	case l.net != nil:
		return "ControlNet"
	}
	return "T2I-Adapter"
}

var errNoControl = errors.New("have a control that was not loaded, want one from LoadControl")

func (l *LoadedControl) ready() error {
	if l == nil || l.gate == nil {
		return errNoControl
	}
	return nil
}

// Close waits for calls that use the network and gives its memory back. Calls that begin
// later are errors. In a function of the caller's that such a call runs, such as OnStep,
// it does not wait: the memory goes back when the last call has ended.
func (l *LoadedControl) Close() error {
	if l.ready() != nil {
		return nil
	}
	return l.gate.Close(engine.Goroutine(), l.release)
}

// maxControls is how many a call may have, and maxControlScale is far beyond any scale
// that makes sense.
const (
	maxControls     = 16
	maxControlScale = 1000
)

// check wants a network that was loaded for the pipeline, and numbers in their ranges.
func (c *Control) check(p *Pipeline, i int) error {
	bad := func(format string, args ...any) error {
		return badOption("Controls", "number %d: %w", i, fmt.Errorf(format, args...))
	}
	switch err := c.Loaded.ready(); {
	case err != nil:
		return bad("%w", err)
	case !c.Loaded.of.Same(model.Of(p.UNet)):
		return bad("have one that was loaded for another model, want one that this pipeline loaded")
	case math.IsNaN(c.Scale) || math.Abs(c.Scale) > maxControlScale:
		return bad("scale: have %v, want -%d to %d", c.Scale, maxControlScale, maxControlScale)
	case !(c.Start >= 0 && c.Start < 1):
		return bad("start: have %v, want 0 to below 1", c.Start)
	case !(c.end() <= 1 && c.end() > c.Start):
		return bad("end: have %v, want above the start, which is %v, to 1", c.End, c.Start)
	case c.Guess && c.Loaded.net == nil:
		return bad("guess: have true for a T2I-Adapter, want false")
	case c.Image != nil && c.Tensor != nil:
		return bad("have an image and a tensor, want one of them")
	}
	return nil
}

func (c *Control) end() float64 {
	if c.End == 0 {
		return 1
	}
	return c.End
}

func (c *Control) scale() float64 {
	if c.Scale == 0 {
		return 1
	}
	return c.Scale
}

// channels is how many the network reads of the picture.
func (l *LoadedControl) channels() int {
	if l.net != nil {
		return l.net.Config.ConditioningChannels
	}
	return l.adapter.Config.InChannels
}

// guesses says whether the network is not used with the negative prompt.
func (c *Control) guesses() bool {
	return c.Loaded.net != nil && (c.Guess || c.Loaded.net.Config.GlobalPool)
}
