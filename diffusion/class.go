package diffusion

import (
	"fmt"

	"sdgo/sampler"
	"sdgo/unet"
)

// guidanceOfClasses is the guidance scale with which the authors of latent diffusion
// sample ImageNet's classes.
const guidanceOfClasses = 3

// maxClass bounds the label of a model that reads it as a number of any size.
const maxClass = 1 << 24 // beyond it float32 has no ones

// classesOf is how many classes a U-Net has that reads no text: 0 if it has none.
func classesOf(c *unet.Config) int {
	switch {
	case c.ClassEmbedType != nil:
		return maxClass
	case c.NumClassEmbeds != nil:
		return *c.NumClassEmbeds
	}
	return 0
}

// checkClasses wants a class of a model that has some, and none of others.
func (r *run) checkClasses() error {
	n := 0
	if r.textless() {
		n = classesOf(&r.UNet.Config)
	}
	for _, option := range []struct {
		name   string
		class  *int
		needed bool
	}{{"Class", r.Class, true}, {"NegativeClass", r.NegativeClass, false}} {
		switch {
		case n == 0 && option.class != nil:
			return badOption(option.name, "have %d, want none: the model has no classes", *option.class)
		case n > 0 && option.class == nil && option.needed:
			return badOption(option.name, "have none, want 0 to %d: the model makes pictures of classes", n-1)
		case option.class != nil && (*option.class < 0 || *option.class >= n):
			return badOption(option.name, "have %d, want 0 to %d", *option.class, n-1)
		}
	}
	if !r.textless() || r.NegativeClass != nil {
		return nil
	}
	switch {
	case r.Guidance > 1:
		return badOption("Guidance", "have %v, want 0 or 1: %s", r.Guidance, r.whyAlone())
	case r.Sampler != nil && !sampler.IsNil(r.Sampler) && sampler.NeedsUncond(r.Sampler):
		return badOption("Sampler", "have one of CFG++, want another: %s", r.whyAlone())
	}
	return nil
}

// whyAlone says why there is no other prediction than with the prompt.
func (p *Pipeline) whyAlone() string {
	switch {
	case !p.textless():
		return whyDistilled
	case classesOf(&p.UNet.Config) == 0:
		return "of a model without text and classes there is one prediction alone"
	}
	return "there is one prediction alone unless Options.NegativeClass names the class to lead away from"
}

// alone says whether there is one condition alone.
func (p *Pipeline) alone(o *Options) bool {
	return p.distilled() || p.textless() && o.NegativeClass == nil
}

// sayClasses fills said for a model that reads no text.
func (r *run) sayClasses() {
	for c, class := range map[Condition]*int{Cond: r.Class, Uncond: r.NegativeClass} {
		said := &reads{condition: c}
		if class != nil {
			said.classes = []float32{float32(*class)}
			r.note(fmt.Sprintf("class of %s", c), said.classes)
		}
		r.said[c] = []phrase{{texts: []*reads{said}}}
	}
}
