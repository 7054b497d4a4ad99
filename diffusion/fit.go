package diffusion

import (
	"fmt"

	"sdgo/scheduler"
)

// corrected returns c with what diffusers' pipelines correct in old configs when
// they are made: leading timesteps begin at 1, and latents, unlike pixels, are not
// clipped. Its pipeline for inpainting leaves clipping as it is, and those for
// depth-to-image, editing, upscaling, Stable Diffusion XL and models without text both.
func (p *Pipeline) corrected(c *scheduler.Config) *scheduler.Config {
	fixed := *c
	if p.textless() || p.reads(withDepth) || p.reads(withImage) || p.reads(smallPicture) || p.xl() || p.varies() {
		return &fixed
	}
	fixed.StepsOffset = 1
	if !p.trainedToInpaint() {
		fixed.ClipSample = false
	}
	return &fixed
}

// setScheduler takes a model's config, corrected.
func (p *Pipeline) setScheduler(c *scheduler.Config) {
	p.Scheduler, p.clips = p.corrected(c), c.ClipSample
	p.modelScheduler = p.Scheduler
}

// check wants the parts to fit together.
func (p *Pipeline) check() error {
	if err := p.checkText(); err != nil {
		return err
	}
	return p.checkShapes()
}

// checkShapes wants the models to fit together.
func (p *Pipeline) checkShapes() error {
	if have, want := p.UNet.Config.CrossAttentionDim.At(0), p.textWidth(); have != want {
		return fmt.Errorf("diffusion: the U-Net reads text of width %d (cross_attention_dim), the text encoder writes %d (hidden_size)", have, want)
	}
	if have, want := p.UNet.Config.OutChannels, p.VAE.Config.LatentChannels; have != want {
		return fmt.Errorf("diffusion: the U-Net writes %d channels (out_channels), the VAE reads %d (latent_channels)", have, want)
	}
	if err := p.checkPreview(); err != nil {
		return err
	}
	if p.textless() {
		return p.checkTextlessShapes()
	}
	if err := p.checkInput(); err != nil {
		return err
	}
	switch c := p.UNet.Config; {
	case p.unclip != nil:
		return p.unclip.check(&c, p.ImageEncoder.Config.ProjectionDim)
	case p.reads(smallPicture) && c.NumClassEmbeds != nil && c.ClassEmbedType == nil: // the level of noise
	case p.reads(smallPicture):
		return fmt.Errorf("diffusion: the U-Net has %d input channels, as an upscaler, and no table of noise levels (num_class_embeds)", c.InChannels)
	case c.NumClassEmbeds != nil || c.ClassEmbedType != nil:
		return fmt.Errorf("diffusion: the U-Net has class labels (num_class_embeds or class_embed_type), which this pipeline does not give it")
	}
	return p.checkAdded()
}
