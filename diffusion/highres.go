package diffusion

import (
	"cmp"
	"fmt"
	"math"
)

// HighRes makes a picture in two passes, as "Hires. fix" of Stable Diffusion WebUI does: one
// of the size that the model was trained on, for the layout, which is enlarged and then
// drawn once more by image-to-image, for the details. The zero value is one pass.
//
// What comes out is what two calls make with the same options and seed:
//
//	first, err := pipe.TextToImage(ctx, prompt, o)   // Options.Output is OutputLatent
//	large, err := h.Upscaler.Latents(first.Latents, width/8, height/8)
//	second, err := pipe.LatentsToImage(ctx, prompt, large, again)
//
// or with Upscaler.Image and ImageToImage (of several pictures ImageToImageEach) for an
// Upscaler of pictures. The Steps and the Strength of the second call are those that
// [HighRes.Second] returns, and Options.Regions are enlarged with the picture, a mask to its
// nearest pixels. OnStep is called for the steps of both passes, each counted from 1.
type HighRes struct {
	// Scale enlarges both sides, which are then rounded down to a multiple of 8 (in general
	// of the VAE's factor): above 1, at most 16. Zero means 2, unless Width or Height is
	// set.
	Scale float64

	// Width and Height are the size of the picture in the end, in pixels, in place of
	// Scale. Where one of them is zero it follows from the other; both must have about the
	// proportions of the first picture, as nothing is cut off.
	Width, Height int

	// Upscaler enlarges the latents or the picture. Empty means UpscaleLatent.
	Upscaler Upscaler

	// Steps is how many steps the second pass makes, 1 to 1000. Zero means as many as the
	// first has.
	Steps int

	// Strength is how much of the picture the second pass replaces by noise ("denoising
	// strength"), above 0, to 1. Zero means 0.7. Enlarged latents are blurred, and want 0.5
	// and more.
	Strength float64
}

// on says whether there are two passes.
func (h HighRes) on() bool { return h != HighRes{} }

// defaultHighRes is how many times larger the second picture is.
const defaultHighRes = 2

// defaultHighResStrength is WebUI's.
const defaultHighResStrength = 0.7

// mostStrength is what WebUI takes for a strength of 1, whose run would have no noise level
// above it.
const mostStrength = 0.999

// Second returns the steps and the strength of the second pass, where the first has a
// number of steps: it makes the last Steps of ⌊Steps/Strength⌋, as WebUI does, so that they
// all fall below the noise level of the strength.
func (h HighRes) Second(first int) (steps int, strength float64) {
	run := cmp.Or(h.Steps, first)
	all := int(min(float64(run)/min(cmp.Or(h.Strength, defaultHighResStrength), mostStrength), math.MaxInt32))
	if all <= run {
		return run, 1
	}
	return all, (float64(run) + 0.5) / float64(all) // the half is cut off, as the share of steps is rounded down
}

// Size returns the size of the picture in the end, of a first one of the given size in
// pixels, in multiples of a factor.
func (h HighRes) Size(width, height, factor int) (int, int, error) {
	if width < 1 || height < 1 || factor < 1 {
		return 0, 0, fmt.Errorf("diffusion: high res: have a picture of %d×%d pixels and a factor of %d, want 1 or more", width, height, factor)
	}
	scale := cmp.Or(h.Scale, defaultHighRes)
	switch {
	case h.Width < 0 || h.Height < 0 || h.Width > maxSide || h.Height > maxSide:
		return 0, 0, badOption("HighRes", "have a size of %d×%d pixels, want up to %d", h.Width, h.Height, maxSide)
	case h.Scale != 0 && h.Width+h.Height > 0:
		return 0, 0, badOption("HighRes", "have a Scale of %v beside a size of %d×%d, want one of them", h.Scale, h.Width, h.Height)
	case h.Width > 0:
		scale = float64(h.Width) / float64(width)
	case h.Height > 0:
		scale = float64(h.Height) / float64(height)
	}
	if !(scale > 1 && scale <= maxHighRes) {
		return 0, 0, badOption("HighRes", "have a picture of %d×%d pixels to be enlarged by %.4g, want more than 1, up to %d", width, height, scale, maxHighRes)
	}
	part := func(given, side int) int {
		return cmp.Or(given, int(float64(side)*scale)/factor*factor)
	}
	w, y := part(h.Width, width), part(h.Height, height)
	if w%factor != 0 || y%factor != 0 {
		return 0, 0, badOption("HighRes", "have a size of %d×%d pixels, want multiples of %d", w, y, factor)
	}
	if want := float64(height) * scale; math.Abs(float64(y)-want) >= float64(factor) {
		return 0, 0, badOption("HighRes", "have a size of %d×%d pixels for a first picture of %d×%d, want a height of %d, or 0: nothing is cut off", w, y, width, height, int(want)/factor*factor)
	}
	return w, y, nil
}

// maxHighRes is how many times larger the sides of the second picture may be.
const maxHighRes = 16

// check wants fields that make sense.
func (h HighRes) check() error {
	switch {
	case !(h.Strength >= 0 && h.Strength <= 1):
		return badOption("HighRes", "have a Strength of %v, want above 0, to 1, or 0 for %v", h.Strength, defaultHighResStrength)
	case h.Steps < 0 || h.Steps > maxSteps:
		return badOption("HighRes", "have %d Steps, want 1 to %d, or 0 for those of the first pass", h.Steps, maxSteps)
	case !(h.Scale >= 0):
		return badOption("HighRes", "have a Scale of %v, want above 1, or 0 for 2", h.Scale)
	}
	if err := h.Upscaler.check(); err != nil {
		return badOption("HighRes", "%w", err)
	}
	return nil
}
