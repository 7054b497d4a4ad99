package diffusion

import (
	"context"
	"image"
)

// ImageToImage makes pictures of the prompt that keep the layout of an image: it
// adds noise to the image's latents, as much as Options.Strength says, and takes
// it away again (Meng et al. 2022). The image is resized to the size of the picture
// with Lanczos' filter, and its transparency is ignored. It is read during the call, on
// its goroutine, row by row, and must not change; one that panics or has fewer pixels
// than its bounds say gives an error. DecodeImage reads one from a file. See
// TextToImage.
//
// https://arxiv.org/abs/2108.01073
func (p *Pipeline) ImageToImage(ctx context.Context, prompt string, img image.Image, o *Options) (*Result, error) {
	return p.do(ctx, &imageToImage{images: []image.Image{img}}, prompt, o)
}

// ImageToImageEach is [Pipeline.ImageToImage] with an image for each picture: number i has
// the seed Seed+i, and is what ImageToImage makes of it alone. Options.Images is zero, or
// their number. All pictures have the size that the options, or else the first image, say.
func (p *Pipeline) ImageToImageEach(ctx context.Context, prompt string, images []image.Image, o *Options) (*Result, error) {
	each, err := o.each(len(images))
	if err != nil {
		return nil, err
	}
	return p.do(ctx, &imageToImage{images: images}, prompt, each)
}

// imageToImage begins with the latents of images and noise.
type imageToImage struct {
	plain
	images []image.Image // the caller's: one for all pictures, or one for each

	originals []*source
	pixels    [][]float32 // [1 3 H W] each, in the size of the picture
}

func (*imageToImage) about() about {
	return about{name: "image-to-image", inputs: []input{latentsAlone}, strength: 0.8, textless: textOrNot}
}

func (t *imageToImage) prepare(r *run) (_ []*source, err error) {
	if r.DenoisingStart > 0 && r.Latents != nil {
		return nil, badOption("Latents", "have some beside a denoising start, want none: the run begins with the image (or give them to TextToImage)")
	}
	for i, img := range t.images {
		s, err := newSource(numbered("image", i, len(t.images)), img)
		if err != nil {
			return nil, err
		}
		t.originals = append(t.originals, s)
	}
	first := t.originals[0]
	return t.originals, r.prepareImage(first.width, first.height)
}

func (t *imageToImage) read(ctx context.Context, r *run) error {
	for _, img := range t.originals {
		_, x, err := r.readImage(ctx, img)
		if err != nil {
			return err
		}
		t.pixels = append(t.pixels, x)
	}
	return nil
}

func (t *imageToImage) start(ctx context.Context, r *run) ([]float32, error) {
	clean, err := r.drawLatents(ctx, t.pixels...)
	if err != nil {
		return nil, err
	}
	return r.noised(ctx, clean)
}

// noised returns the x that a run from clean latents [Images 4 h w] starts with.
func (r *run) noised(ctx context.Context, clean []float32) ([]float32, error) {
	if r.DenoisingStart > 0 {
		return r.handed(ctx, clean)
	}
	noise, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	return addNoise(clean, noise, r.schedule.Sigmas[0]), nil
}
