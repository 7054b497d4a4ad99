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
	return p.do(ctx, &imageToImage{img: img}, prompt, o)
}

// imageToImage begins with an image's latents and noise.
type imageToImage struct {
	plain
	img image.Image // the caller's

	original *source
	pixels   []float32 // [1 3 H W], the image in the size of the picture
}

func (*imageToImage) about() about {
	return about{name: "image-to-image", inputs: []input{latentsAlone}, strength: 0.8, textless: textOrNot}
}

func (t *imageToImage) prepare(r *run) (_ []*source, err error) {
	if r.DenoisingStart > 0 && r.Latents != nil {
		return nil, badOption("Latents", "have some beside a denoising start, want none: the run begins with the image (or give them to TextToImage)")
	}
	if t.original, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	return []*source{t.original}, r.prepareImage(t.original)
}

func (t *imageToImage) read(ctx context.Context, r *run) (err error) {
	_, t.pixels, err = r.readImage(ctx, t.original)
	return err
}

func (t *imageToImage) start(ctx context.Context, r *run) ([]float32, error) {
	clean, err := r.drawLatents(ctx, t.pixels)
	if err != nil {
		return nil, err
	}
	if r.DenoisingStart > 0 {
		return r.handed(ctx, clean)
	}
	noise, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	return addNoise(clean, noise, r.schedule.Sigmas[0]), nil
}
