package diffusion

import (
	"cmp"
	"image"
)

// Framing tells Stable Diffusion XL from what size of picture, and by which cut, one like
// that to be made would have come into its training (Podell et al. 2024, section 2.2). The
// zero value is a picture that was neither enlarged nor cut.
//
// https://arxiv.org/abs/2307.01952
type Framing struct {
	// Original is the width and height in pixels before any change, 0 to 65536: small
	// ones gave blurred pictures. Zero means that of the picture.
	Original image.Point
	// Crop is how many pixels were cut off on the left and at the top, -65536 to 65536.
	// Zero centers the object.
	Crop image.Point
	// Target is the width and height in pixels after the cut, 0 to 65536. Zero means
	// that of the picture.
	Target image.Point
}

// framingIDs is how many numbers the U-Net of Stable Diffusion XL reads of a Framing.
const framingIDs = 6

// ratedIDs is how many the refiner reads: a score in place of the target size.
const ratedIDs = 5

// check wants sizes that a picture can have.
func (f *Framing) check(option string) error {
	for _, side := range []int{f.Original.X, f.Original.Y, f.Target.X, f.Target.Y} {
		if side < 0 || side > maxSide {
			return badOption(option, "have sizes of %v and %v pixels, want 0 to %d", f.Original, f.Target, maxSide)
		}
	}
	if c := f.Crop; max(c.X, c.Y) > maxSide || min(c.X, c.Y) < -maxSide {
		return badOption(option, "have a crop of %v pixels, want -%d to %d", c, maxSide, maxSide)
	}
	return nil
}

// timeIDs are the numbers that the U-Net reads for a condition: each pair is the one of
// the vertical side, then of the horizontal one.
func (r *run) timeIDs(c Condition) []float32 {
	f := r.Framing
	if c == Uncond && r.NegativeFraming != (Framing{}) {
		f = r.NegativeFraming
	}
	side := func(given, picture int) float32 {
		if given == 0 {
			given = picture
		}
		return float32(given)
	}
	ids := []float32{side(f.Original.Y, r.Height), side(f.Original.X, r.Width), float32(f.Crop.Y), float32(f.Crop.X)}
	switch {
	case !r.rated():
		return append(ids, side(f.Target.Y, r.Height), side(f.Target.X, r.Width))
	case c == Uncond:
		return append(ids, float32(cmp.Or(r.NegativeAestheticScore, negativeScore)))
	}
	return append(ids, float32(cmp.Or(r.AestheticScore, score)))
}

// The aesthetic scores of diffusers' pipelines, and the best that there is.
const score, negativeScore, bestScore = 6, 2.5, 10

// checkScores wants scores where the U-Net reads them, and there no target size.
func (p *Pipeline) checkScores(o *Options) error {
	for _, s := range []struct {
		option string
		have   float64
	}{{"AestheticScore", o.AestheticScore}, {"NegativeAestheticScore", o.NegativeAestheticScore}} {
		if !(s.have >= 0 && s.have <= bestScore) {
			return badOption(s.option, "have %v, want 0 to %d", s.have, bestScore)
		}
		if s.have != 0 && !p.rated() {
			return badOption(s.option, "have %v, want 0: it is for the refiner of Stable Diffusion XL", s.have)
		}
	}
	switch {
	case p.rated() && (o.Framing.Target != image.Point{} || o.NegativeFraming.Target != image.Point{}):
		return badOption("Framing", "have a target size, want none: the U-Net reads an aesthetic score in its place")
	case p.refiner() && o.Prompt2+o.NegativePrompt2 != "":
		return badOption("Prompt2", "have a second prompt, want none: the refiner of Stable Diffusion XL has one text encoder")
	}
	return nil
}
