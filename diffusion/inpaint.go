package diffusion

import (
	"context"
	"image"
	"slices"
)

// Inpaint makes pictures of the prompt that keep an image outside a mask.
// Options.Mask says which pixels of the mask are repainted, and Options.MaskCells
// which cells of the latents that makes; outside these the picture is the image as
// the VAE gives it back, or with Options.KeepOutside the image itself. Image and
// mask are resized to the size of the picture, each by itself, so that a mask of
// another size is stretched over the image. ErrEmptyMask says that there is nothing
// to repaint. Both are read during the call, on its goroutine, row by row, and must not
// change; one that panics or has fewer pixels than its bounds say gives an error.
//
// A model whose U-Net has 9 input channels was trained for this and sees the mask
// and the masked image (Rombach et al. 2022, section 4.5); with a U-Net of 4 channels
// the latents outside the mask are put back before every call (Lugmayr et al.
// 2022, without resampling), with noise of the call's level; in the second call of a
// DPM2 step diffusers puts back those of the step's end. See TextToImage.
//
// https://arxiv.org/abs/2201.09865
func (p *Pipeline) Inpaint(ctx context.Context, prompt string, img, mask image.Image, o *Options) (*Result, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	given := painting{img: img, mask: mask}
	if p.trainedToInpaint() {
		return p.do(ctx, &inpaintTrained{painting: given}, prompt, o)
	}
	return p.do(ctx, &inpaintOutside{painting: given}, prompt, o)
}

// painting is what both ways of inpainting share.
type painting struct {
	plain
	img, mask image.Image // the caller's

	original, painted *source
	area              *area     // what the mask makes of the picture
	given             pixels    // the image in the size of the picture
	pixels            []float32 // the same [1 3 H W]
}

func (*painting) about() about {
	return about{name: "inpainting", inputs: []input{latentsAlone, withMask}, strength: 1, mask: true, asSaved: true, textless: textOrNot}
}

func (t *painting) prepare(r *run) (_ []*source, err error) {
	if t.original, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	if err := r.prepareImage(t.original); err != nil {
		return nil, err
	}
	if r.schedule.Steps() < 1 { // PNDM has a call left then, which diffusers makes in image-to-image alone
		return nil, badOption("Strength", "have %g of %d steps, which leaves no step to run", r.Strength, r.Options.Steps)
	}
	if err := r.checkMask(); err != nil {
		return nil, err
	}
	t.painted, err = newSource("mask", t.mask)
	return []*source{t.original, t.painted}, err
}

func (t *painting) read(ctx context.Context, r *run) (err error) {
	if t.area, err = newArea(ctx, t.painted, &r.Options, r.h, r.w); err != nil {
		return err
	}
	r.note("mask", append(slices.Clone(t.area.mask), byte(t.area.choice)))
	t.given, t.pixels, err = r.readImage(ctx, t.original)
	return err
}

// begin returns the x that a run starts from: noise alone at a strength of 1, or else
// the clean latents with the noise. One that another has begun starts where that ended.
func (t *painting) begin(ctx context.Context, r *run, clean, noise []float32) ([]float32, error) {
	switch {
	case r.DenoisingStart > 0 && r.Latents != nil:
		return r.handed(ctx, nil)
	case r.DenoisingStart > 0:
		return r.handed(ctx, slices.Clone(clean))
	}
	if r.Strength < 1 {
		return addNoise(clean, noise, r.schedule.Sigmas[0]), nil
	}
	return pureNoise(slices.Clone(noise), r.schedule.InitNoiseSigma), nil
}

// finish lays the image over the pictures where it is to stay as it is.
func (t *painting) finish(ctx context.Context, r *run, made *Result) error {
	if !r.KeepOutside {
		return nil
	}
	for _, img := range made.Images {
		rows := t.given.opaque(ctx)
		if t.original.width == r.Width && t.original.height == r.Height {
			rows = t.original.nrgba(ctx)
		}
		if err := overlay(img, t.area.mask, rows); err != nil {
			return err
		}
	}
	return nil
}
