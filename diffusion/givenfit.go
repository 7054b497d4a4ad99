package diffusion

import (
	"fmt"
)

// checkGiven wants parts that the caller names to fit the others; see also
// [Pipeline.check], which says the same of a model's own.
func (p *Pipeline) checkGiven(o *LoadOptions) error {
	want := p.UNet.Config.CrossAttentionDim.At(0)
	for _, g := range o.given() {
		var err error
		switch g.part {
		case "text_encoder", "text_encoder_2":
			if have := p.textWidth(); have != want {
				err = fmt.Errorf("the text encoder writes %d numbers a token, the U-Net reads %d: want %s", p.widthOf(g.part), want, fittingText(g.part, want))
			}
		case "vae":
			err = p.checkVAE()
		case "unet":
			if have := p.textWidth(); have != want {
				err = fmt.Errorf("the U-Net reads %d numbers a token, the text encoder writes %d: want a U-Net of the same family", want, have)
			}
		}
		if err != nil {
			return wrong(g.option, fmt.Errorf("diffusion: load: %s: %s: %w", words(g.option), g.path, err))
		}
	}
	return nil
}

// widthOf is how many numbers a text encoder writes for a token.
func (p *Pipeline) widthOf(part string) int {
	if part == "text_encoder_2" {
		return p.TextEncoder2.Config.HiddenSize
	}
	return p.TextEncoder.Config.HiddenSize
}

// fittingText says which text encoders write what a U-Net reads.
func fittingText(part string, width int) string {
	switch {
	case width == 2048 && part == "text_encoder":
		return "the first of Stable Diffusion XL, which writes 768 (CLIP ViT-L)"
	case width == 2048:
		return "the second of Stable Diffusion XL, which writes 1280 (OpenCLIP ViT-bigG)"
	case width == 768:
		return "that of Stable Diffusion 1 (CLIP ViT-L)"
	case width == 1024:
		return "that of Stable Diffusion 2 (OpenCLIP ViT-H)"
	case width == 1280:
		return "the second of Stable Diffusion XL (OpenCLIP ViT-bigG)"
	}
	return fmt.Sprintf("one that writes %d", width)
}

// The scaling factors of the VAEs of Stable Diffusion 1 and 2, and of XL, which have the
// same shapes.
const (
	scaleSD = 0.18215
	scaleXL = 0.13025
)

// checkVAE wants the latents of the VAE to be those of the U-Net.
func (p *Pipeline) checkVAE() error {
	have, want := p.VAE.Config.LatentChannels, p.UNet.Config.OutChannels
	if have != want {
		of := ""
		if have == 16 {
			of = ", as that of Stable Diffusion 3 or Flux,"
		}
		return fmt.Errorf("the VAE has latents of %d channels (latent_channels)%s and the U-Net %d: want %s", have, of, want, p.fittingVAE())
	}
	switch scale := p.VAE.Config.ScalingFactor; {
	case p.xl() && scale == scaleSD:
		return fmt.Errorf("this is the VAE of Stable Diffusion 1 or 2 (scaling_factor %g): want %s", scale, p.fittingVAE())
	case !p.xl() && scale == scaleXL:
		return fmt.Errorf("this is the VAE of Stable Diffusion XL (scaling_factor %g): want %s", scale, p.fittingVAE())
	}
	return nil
}

// fittingVAE says which VAEs fit the model.
func (p *Pipeline) fittingVAE() string {
	family, scale := "Stable Diffusion 1 or 2", scaleSD
	if p.xl() {
		family, scale = "Stable Diffusion XL", scaleXL
	}
	return fmt.Sprintf("that of %s, with %d channels and scaling_factor %g", family, p.UNet.Config.OutChannels, scale)
}
