package diffusion

import (
	"fmt"
	"strings"
)

// checkTextlessShapes wants the parts of a model without text to fit together. The U-Net
// may read more channels than the latents have, see ChannelsToImage.
func (p *Pipeline) checkTextlessShapes() error {
	c := &p.UNet.Config
	if have, want := c.InChannels, p.VAE.Config.LatentChannels; have < want {
		return fmt.Errorf("diffusion: the U-Net reads %d channels (in_channels), want %d or more: the latents have as many (latent_channels)", have, want)
	}
	if n := p.VAE.Config.OutChannels; n != 1 && n != 3 {
		return fmt.Errorf("diffusion: the model makes pictures of %d channels (out_channels), want 3, or 1 for gray", n)
	}
	if c.ClassEmbedType != nil && *c.ClassEmbedType == "identity" {
		return fmt.Errorf("diffusion: the U-Net reads a vector for a class (class_embed_type identity), which this pipeline does not give it, want a number")
	}
	return nil
}

// wantsChannels is the error of a task for latents alone, of a U-Net without text that reads
// more.
func (p *Pipeline) wantsChannels() error {
	have, latents := p.UNet.Config.InChannels, p.VAE.Config.LatentChannels
	return fmt.Errorf("diffusion: the U-Net has %d input channels (in_channels), want %d, those of the latents: this model wants %d more, which ChannelsToImage gives it%s",
		have, latents, have-latents, p.orSmallPicture())
}

// textlessTask names the task that a model without text is for.
func (p *Pipeline) textlessTask() string {
	switch {
	case p.smallPicture():
		return "SuperResolution (sd superres)"
	case p.UNet.Config.InChannels > p.VAE.Config.LatentChannels:
		return "ChannelsToImage"
	}
	return "Unconditional (sd uncond)"
}

// orSmallPicture names the task of a model that reads a small picture.
func (p *Pipeline) orSmallPicture() string {
	if p.smallPicture() {
		return " (or SuperResolution, a small picture)"
	}
	return ""
}

// smallPicture says whether a model without text reads three channels beside the latents.
func (p *Pipeline) smallPicture() bool {
	return p.textless() && p.UNet.Config.InChannels == p.VAE.Config.LatentChannels+3
}

// superResolution is diffusers' class of pipelines that enlarge a picture without text.
const superResolution = "LDMSuperResolutionPipeline"

// textlessDefaults are those of a model without text.
func (p *Pipeline) textlessDefaults() Defaults {
	d := Defaults{Steps: defaultSteps, Guidance: 1}
	switch p.class {
	case "DDPMPipeline":
		d.Steps = 1000
	case superResolution:
		d.Steps = 100
	}
	return d
}

// textlessIdentity is what a model without text is.
func (p *Pipeline) textlessIdentity(i Identity) Identity {
	i.Family, i.Name = "ldm", "latent diffusion without text"
	if p.VAE.Config.Pixels {
		i.Family, i.Name = "ddpm", "diffusion on pixels, without text"
	}
	i.Task = "unconditional"
	switch {
	case p.class == superResolution:
		i.Task = "super-resolution"
	case p.UNet.Config.InChannels > p.VAE.Config.LatentChannels:
		i.Task = "concatenation"
	case classesOf(&p.UNet.Config) > 0:
		i.Task = "class-conditional"
	}
	words := []string{i.Task}
	if n := p.UNet.Config.NumClassEmbeds; n != nil && p.UNet.Config.ClassEmbedType == nil {
		words = append(words, fmt.Sprintf("%d classes", *n))
	}
	i.Name += " (" + strings.Join(words, ", ") + ")"
	return i
}
