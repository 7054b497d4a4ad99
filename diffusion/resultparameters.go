package diffusion

import (
	"cmp"
	"reflect"
	"slices"
)

// Parameters say how image i of a result was made, for [WritePNG]; nil if there is no such
// image, or the result is of no call. The caller may change them, and set Model, which a pipeline does not know.
func (r *Result) Parameters(i int) *Parameters {
	if r == nil || r.made == nil || i < 0 || i >= len(r.Seeds) {
		return nil
	}
	p := *r.made
	p.Options.Seed = r.Seeds[i]
	p.LeftOut = append([]string(nil), p.LeftOut...)
	return &p
}

// describe keeps how the images of the result were made.
func (r *run) describe() {
	o := r.Options
	o.OnStep, o.Resume, o.Images = nil, nil, 0
	if o.Guider != nil && !r.distilled() {
		o.Guidance = 0 // which a Guider does not heed
	}
	if o.Tile == 0 {
		o.Tile = r.decodeTile // which room for memory may have chosen
	}
	made := &Parameters{Prompt: r.prompt, Task: r.task.about().name, LeftOut: o.LeftOut()}
	if o.Sampler == nil {
		made.Sampler = samplerLabel(r.sampler)
	}
	v := reflect.ValueOf(&o).Elem()
	for _, name := range made.LeftOut {
		v.FieldByName(name).SetZero() // lest the result keep it
	}
	if r.edited {
		made.LeftOut = append(made.LeftOut, "OnStep")
	}
	made.Options = o
	r.result.made = made
}

// ofPasses says how pictures of two passes were made, of what is known of each.
func ofPasses(first, second *Parameters, o *Options) *Parameters {
	made := *first
	made.LeftOut = slices.Compact(slices.Sorted(slices.Values(slices.Concat(first.LeftOut, second.LeftOut))))
	made.LeftOut = slices.DeleteFunc(made.LeftOut, func(name string) bool { return name == "Latents" }) // of the first pass
	made.Options.Output, made.Options.Tile = o.Output, cmp.Or(o.Tile, second.Options.Tile)
	h := o.HighRes
	if h.Width == 0 && h.Height == 0 {
		h.Scale = cmp.Or(h.Scale, defaultHighRes)
	}
	h.Upscaler, h.Strength = cmp.Or(h.Upscaler, UpscaleLatent), cmp.Or(h.Strength, defaultHighResStrength)
	made.Options.HighRes = h
	return &made
}
