package diffusion

import (
	"context"

	"sdgo/sampler"
)

// ImageGuided is the guidance of [Pipeline.Edit], by an instruction and by an image (Brooks
// et al. 2023, equation 3), on what the U-Net predicts:
//
//	uncond + s·(cond − image) + t·(image − uncond)
//
// Options.Guidance and Options.ImageGuidance choose it.
//
// https://arxiv.org/abs/2211.09800
type ImageGuided struct {
	Scale      float64 // s. Zero means 7.5
	ImageScale float64 // t. Zero means 1.5
}

// defaultImageGuidance is that of diffusers' pipelines.
const defaultImageGuidance = 1.5

// imageGuided is that of the options, which have an ImageGuidance.
func (o *Options) imageGuided() Guider {
	g := ImageGuided{o.Guidance, o.ImageGuidance}
	if o.GuidanceRescale > 0 {
		return Rescaled{Guider: g, Share: o.GuidanceRescale}
	}
	return g
}

// Needs implements [Guider].
func (ImageGuided) Needs(float64) []Condition { return []Condition{Uncond, ImageCond, Cond} }

// WithScale implements [ScaledGuider].
func (g ImageGuided) WithScale(scale float64) Guider {
	g.Scale = exactScale(scale)
	return g
}

// Guide implements [Guider].
func (g ImageGuided) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	if err := p.have(Uncond, ImageCond, Cond); err != nil {
		return sampler.Estimate{}, err
	}
	scale, imageScale := float32(g.Scale), float32(g.ImageScale)
	if scale == 0 {
		scale = defaultGuidance
	}
	if imageScale == 0 {
		imageScale = defaultImageGuidance
	}
	cond, img, guided := p.Output(Cond), p.Output(ImageCond), p.scratch()
	for i, u := range p.Output(Uncond) {
		guided[i] = u + float32(scale*float32(cond[i]-img[i])) + float32(imageScale*float32(img[i]-u))
	}
	return sampler.Estimate{Denoised: p.estimate(guided)}, nil
}

// check implements checked.
func (g ImageGuided) check(int) error {
	if err := checkScale("image guided", "a Scale", g.Scale); err != nil {
		return err
	}
	return checkScale("image guided", "an ImageScale", g.ImageScale)
}
