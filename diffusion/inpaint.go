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
// DPM2 step diffusers puts back those of the step's end. Options.MaskCells and MaskBlur say
// how the mask counts.
//
// With Options.MaskPadding only the part of the image around the mask is drawn, enlarged to
// Width×Height or the size that the model was trained on ("only masked"; padding_mask_crop
// of diffusers). It has the proportions of that size as far as the image reaches, and the
// mask is stretched over the image, and blurred, before. The result is shrunk and laid into
// the image by the mask's value, as with KeepOutside: pictures have the size of the image,
// and Result.Latents are the part. See TextToImage.
//
// https://arxiv.org/abs/2201.09865
func (p *Pipeline) Inpaint(ctx context.Context, prompt string, img, mask image.Image, o *Options) (*Result, error) {
	return p.inpaint(ctx, prompt, []Painting{{img, mask}}, o)
}

// Painting is an image and the mask of what is repainted of it.
type Painting struct{ Image, Mask image.Image }

// InpaintEach is [Pipeline.Inpaint] with an image and a mask for each picture: number i has
// the seed Seed+i, and is what Inpaint makes of it alone. Options.Images is zero, or their
// number. All pictures have the size that the options, or else the first image, say, but
// with Options.MaskPadding that of their image.
func (p *Pipeline) InpaintEach(ctx context.Context, prompt string, paintings []Painting, o *Options) (*Result, error) {
	each, err := o.each(len(paintings))
	if err != nil {
		return nil, err
	}
	return p.inpaint(ctx, prompt, paintings, each)
}

func (p *Pipeline) inpaint(ctx context.Context, prompt string, paintings []Painting, o *Options) (*Result, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	return p.do(ctx, p.inpainting(paintings), prompt, o)
}

// inpainting is the way of inpainting that the model has.
func (p *Pipeline) inpainting(given []Painting) task {
	if p.trainedToInpaint() {
		return &inpaintTrained{painting: painting{given: given}}
	}
	return &inpaintOutside{painting: painting{given: given}}
}

// painting is what both ways of inpainting share.
type painting struct {
	given []Painting // the caller's: one for all pictures, or one for each
	items []*painted // of them
}

func (*painting) about() about {
	return about{name: "inpainting", inputs: []input{latentsAlone, withMask}, strength: 1, mask: true, asSaved: true, textless: textOrNot}
}

func (t *painting) prepare(r *run) (sources []*source, err error) {
	for i, g := range t.given {
		it := new(painted)
		if it.original, err = newSource(numbered("image", i, len(t.given)), g.Image); err != nil {
			return nil, err
		}
		if it.mask, err = newSource(numbered("mask", i, len(t.given)), g.Mask); err != nil {
			return nil, err
		}
		t.items = append(t.items, it)
		sources = append(sources, it.original, it.mask)
	}
	width, height := t.items[0].original.width, t.items[0].original.height
	if r.MaskPadding != 0 {
		width, height = r.defaultSize()
	}
	if err := r.prepareImage(width, height); err != nil {
		return nil, err
	}
	if r.schedule.Steps() < 1 { // PNDM has a call left then, which diffusers makes in image-to-image alone
		return nil, badOption("Strength", "have %g of %d steps, which leaves no step to run", r.Strength, r.Options.Steps)
	}
	if err := r.checkMask(); err != nil {
		return nil, err
	}
	if r.MaskPadding != 0 {
		for _, it := range t.items {
			r.own += it.whole()
		}
	}
	return sources, nil
}

func (t *painting) read(ctx context.Context, r *run) error {
	for _, it := range t.items {
		if err := it.read(ctx, r); err != nil {
			return err
		}
		r.note(it.mask.what, append(slices.Clone(it.area.gray), byte(it.area.choice)))
	}
	return nil
}

// at is what is painted in picture i.
func (t *painting) at(i int) *painted { return t.items[min(i, len(t.items)-1)] }

// tensors are the images [1 3 H W], one for all pictures or one for each.
func (t *painting) tensors() (x [][]float32) {
	for _, it := range t.items {
		x = append(x, it.pixels)
	}
	return x
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

// finish lays the images over the pictures where they are to stay as they are.
func (t *painting) finish(ctx context.Context, r *run, made *Result) (err error) {
	for i, img := range made.Images {
		if made.Images[i], err = t.at(i).finish(ctx, r, img); err != nil {
			return err
		}
	}
	return nil
}
