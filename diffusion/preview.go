package diffusion

import (
	"errors"
	"fmt"
	"image"
	"slices"
)

// latentColors maps four latents to red, green and blue in [-1, 1].
type latentColors struct {
	factors [4][3]float32
	bias    [3]float32
}

// latentRGB is for the latents of SD 1 and SD 2. The factors are a least-squares fit by
// Kevin Turner (2022):
// https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204
var latentRGB = latentColors{factors: [4][3]float32{
	{0.298, 0.207, 0.208},
	{0.187, 0.286, 0.173},
	{-0.158, 0.189, 0.264},
	{-0.184, -0.271, -0.473},
}}

// latentRGBXL is for those of SDXL, as ComfyUI has it:
// https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/latent_formats.py
var latentRGBXL = latentColors{
	factors: [4][3]float32{
		{0.3651, 0.4232, 0.4341},
		{-0.2533, -0.0042, 0.1068},
		{0.1076, 0.1111, -0.0362},
		{-0.3165, -0.2492, -0.2188},
	},
	bias: [3]float32{0.1084, -0.0175, -0.0011},
}

// latentColors are those of the pipeline's latents.
func (p *Pipeline) latentColors() *latentColors {
	if p.xl() {
		return &latentRGBXL
	}
	return &latentRGB
}

// image shows latents [4 H W], scaled as the U-Net has them, as an image
// of scale·W × scale·H pixels without decoding them: blurred colors that let
// the picture be recognized. A scale below 1 means 1.
func (l *latentColors) image(latents []float32, h, w, scale int) (*image.NRGBA, error) {
	if h < 1 || w < 1 || len(latents) != 4*h*w {
		return nil, fmt.Errorf("diffusion: preview: have %d values, want shape [4 %d %d]", len(latents), h, w)
	}
	scale = max(scale, 1)
	img := image.NewNRGBA(image.Rect(0, 0, scale*w, scale*h))
	plane := h * w
	for y := range scale * h {
		for x := range scale * w {
			cell := y/scale*w + x/scale
			px := img.Pix[img.PixOffset(x, y):][:4]
			for c := range 3 {
				v := l.bias[c]
				for k, factors := range l.factors {
					v += float32(latents[k*plane+cell] * factors[c])
				}
				px[c] = toByte(v)
			}
			px[3] = 255
		}
	}
	return img, nil
}

// Preview returns a small picture of each image, one pixel for each latent cell:
// a linear guess at what the denoised latents show, made for Stable Diffusion 1 and 2, and
// another for XL. See DecodedPreview for a better one. It is an error if the latents have
// other than 4 channels and are no pixels, if the sampler has not called the model yet, and once OnStep has
// returned.
func (s Step) Preview() ([]*image.NRGBA, error) {
	return s.moment.estimates(func(r *run, latents []float32) (*image.NRGBA, error) {
		if r.VAE.Config.Pixels {
			return asImage(s.moment.ctx, latents, r.VAE.Config.OutChannels, r.h, r.w)
		}
		return r.latentColors().image(latents, r.h, r.w, 1)
	})
}

// estimates shows the estimate [4 h w] of each image's clean latents.
func (m *moment) estimates(show func(r *run, latents []float32) (*image.NRGBA, error)) (images []*image.NRGBA, err error) {
	err = m.during(func() error {
		if len(m.denoised) == 0 {
			return errors.New("diffusion: preview: have no estimate: the sampler has not called the model")
		}
		for latents := range slices.Chunk(m.denoised, len(m.denoised)/m.run.Images) {
			img, err := show(m.run, latents)
			if err != nil {
				return err
			}
			images = append(images, img)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return images, nil
}
