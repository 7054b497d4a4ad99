package diffusion

import (
	"fmt"
	"image"
	"math"

	"gorgonia.org/tensor"
)

// Region is a part of the picture with a prompt of its own. The predictions of regions and
// of the call's prompt are averaged in every cell of the latents, by their weights there,
// as ComfyUI does with the areas and masks of conditionings:
//
//	Σ mask·Weight·prediction / Σ mask·Weight
//
// The call's prompt fills what regions leave of a weight of 1, or counts everywhere with
// Options.BaseWeight. The same is done with the negative prompts. Each region costs as much
// as a prompt, and half as much again where it has a negative one.
type Region struct {
	// Prompt is what is in the region, and NegativePrompt what guidance leads away from
	// there; empty means that of the call. Prompt2 and NegativePrompt2 are for the second
	// text encoder of Stable Diffusion XL. They are read as those of Options.
	Prompt          string `json:"prompt,omitzero"`
	Prompt2         string `json:"prompt2,omitzero"`
	NegativePrompt  string `json:"negative_prompt,omitzero"`
	NegativePrompt2 string `json:"negative_prompt2,omitzero"`

	// Cond and NegativeCond [1 T D] are embeddings in place of Prompt and NegativePrompt, and
	// PooledCond and NegativePooledCond [1 D] what goes with them in Stable Diffusion XL: see
	// Options.
	Cond               *tensor.Dense `json:"-"`
	NegativeCond       *tensor.Dense `json:"-"`
	PooledCond         *tensor.Dense `json:"-"`
	NegativePooledCond *tensor.Dense `json:"-"`

	// Box is the region in pixels of the picture, whose edges are moved to those of the
	// nearest cells of the latents, mostly 8×8 pixels. There is a Box, or a Mask.
	Box image.Rectangle `json:"box,omitzero"`

	// Mask is an image of the picture's size, whose luminance is how much each pixel belongs
	// to the region, from black, not at all, to white. A cell belongs as much as its pixels do on
	// average. It is read during the call and must not change.
	Mask image.Image `json:"-"`

	// Alone lets the U-Net see the Box alone, as if it was a picture of its own, as ComfyUI
	// does; else it sees the whole picture. It is for a Box of at least the size of the
	// pictures that the model was trained on, or nearly so.
	Alone bool `json:"alone,omitzero"`

	// Feather is over how many pixels the region fades inside of those edges of the Box that
	// are not the picture's, a quarter of a side at most. ComfyUI has 64. Zero means a sharp edge.
	// A Mask has its own grays.
	Feather int `json:"feather,omitzero"`

	// Weight is how much the region counts, above 0 to 100. Zero means 1.
	Weight float64 `json:"weight,omitzero"`

	// Start and End are the part of the run in which there is the region, shares of its
	// steps, 0 ≤ Start < End ≤ 1. An End of zero means 1.
	Start float64 `json:"start,omitzero"`
	End   float64 `json:"end,omitzero"`
}

// maxWeight is the largest weight of a region.
const maxWeight = 100

// maxRegions bounds the work of a call.
const maxRegions = 64

// place is where and when a region is, and how much it counts.
type place struct {
	Region
	name       string // "region 1"
	number     int    // from 1
	window     window // the cells of the box, or all
	shown      bool   // the U-Net sees the window alone
	from, upto int    // steps
	source     *source
	forms      map[Condition][]form
	weights    []float32 // [h w] of the window, nil before the mask is read
}

// placed are the regions of a run, whose size is known.
func (r *run) placed() error {
	if r.BaseWeight != 0 && !(r.BaseWeight > 0 && r.BaseWeight <= maxWeight) {
		return badOption("BaseWeight", "have %v, want above 0, to %d", r.BaseWeight, maxWeight)
	}
	if r.BaseWeight != 0 && len(r.Regions) == 0 {
		return badOption("BaseWeight", "have %v, want 0: there are no regions", r.BaseWeight)
	}
	if n := len(r.Regions); n > maxRegions {
		return badOption("Regions", "have %d, want at most %d", n, maxRegions)
	}
	if len(r.Regions) > 0 && r.Reuse.on() {
		return badOption("Regions", "have regions beside Reuse, want one of the two: features are kept of one picture with one prompt")
	}
	r.places = nil
	for i, region := range r.Regions {
		p := newPlace(i+1, region)
		if err := r.place(p); err != nil {
			return wrong("Regions", fmt.Errorf("diffusion: %s: %w", p.name, err))
		}
		r.places = append(r.places, p)
	}
	return nil
}

// newPlace is a region of a number, from 1, of which nothing is known yet.
func newPlace(number int, region Region) *place {
	return &place{Region: region, name: fmt.Sprintf("region %d", number), number: number}
}

// place finds out where and when a region is.
func (r *run) place(p *place) (err error) {
	if p.Weight == 0 {
		p.Weight = 1
	}
	if p.End == 0 {
		p.End = 1
	}
	box := p.Box != image.Rectangle{}
	picture := image.Rect(0, 0, r.Width, r.Height)
	switch {
	case box && p.Mask != nil:
		return fmt.Errorf("have a box and a mask, want one of the two")
	case !box && p.Mask == nil:
		return fmt.Errorf("have no box and no mask, want one of the two")
	case box && (p.Box.Empty() || !p.Box.In(picture)):
		return fmt.Errorf("have the box %v, want one that is not empty in a picture of %d×%d pixels", p.Box, r.Width, r.Height)
	case p.Mask != nil && p.Alone:
		return fmt.Errorf("have a mask that is seen alone, want a box, or the whole picture")
	case p.Feather < 0 || p.Feather > maxSide || p.Mask != nil && p.Feather != 0:
		return fmt.Errorf("have a feather of %d pixels, want 0 to %d for a box, and 0 for a mask, which has its own grays", p.Feather, maxSide)
	case !(p.Weight > 0 && p.Weight <= maxWeight):
		return fmt.Errorf("have a weight of %v, want above 0, to %d", p.Weight, maxWeight)
	case !(p.Start >= 0 && p.Start < p.End && p.End <= 1):
		return fmt.Errorf("have it from %v to %v of the run, want 0 ≤ start < end ≤ 1", p.Start, p.End)
	}
	steps := float64(len(r.schedule.Sigmas) - 1)
	p.from, p.upto = int(math.Round(p.Start*steps)), int(math.Round(p.End*steps))
	p.window = r.whole()
	if box {
		p.window, p.shown = r.cells(p.Box), p.Alone
	}
	if p.window.h == 0 || p.window.w == 0 {
		return fmt.Errorf("have the box %v, which is no cell of %d×%d pixels", p.Box, r.Width/r.w, r.Height/r.h)
	}
	if p.Mask == nil {
		return nil
	}
	if p.source, err = newSource("mask", p.Mask); err != nil {
		return err
	}
	if p.source.width != r.Width || p.source.height != r.Height {
		return fmt.Errorf("have a mask of %d×%d pixels, want that of the picture, %d×%d", p.source.width, p.source.height, r.Width, r.Height)
	}
	return nil
}

// cells is the window with the edges nearest to those of a box.
func (r *run) cells(box image.Rectangle) window {
	fy, fx := r.Height/r.h, r.Width/r.w
	near := func(pixels, factor int) int { return (pixels + factor/2) / factor }
	top, left := near(box.Min.Y, fy), near(box.Min.X, fx)
	return window{top, left, near(box.Max.Y, fy) - top, near(box.Max.X, fx) - left}
}

// wording is what a condition is said in in the region; ok is false if it has nothing of
// its own to say.
func (p *place) wording(c Condition, o *Options) (w wording, ok bool) {
	if c == Uncond {
		w = wording{p.name + ": negative prompt", p.NegativePrompt, p.NegativePrompt2, o.skip(c), p.NegativeCond, "Regions", p.NegativePooledCond}
		return w, w.words+w.other != "" || w.given != nil
	}
	return wording{p.name + ": prompt", p.Prompt, p.Prompt2, o.skip(c), p.Cond, "Regions", p.PooledCond}, true
}
