package diffusion

import (
	"fmt"
	"slices"
	"strings"
)

// input is what a U-Net reads, as the number of its input channels tells.
type input struct {
	what   string                // the model is
	beside func(latents int) int // channels beside the latents'
}

// The kinds of U-Net that some task is for.
var (
	latentsAlone = input{"for text-to-image and image-to-image", func(int) int { return 0 }}
	withDepth    = input{"for depth-to-image", func(int) int { return 1 }}
	withMask     = input{"for inpainting", func(latents int) int { return latents + 1 }}
	withImage    = input{"for editing by instruction, as InstructPix2Pix", func(latents int) int { return latents }}
	smallPicture = input{"for upscaling", func(int) int { return 3 }}
)

var known = []input{latentsAlone, withMask, withDepth, withImage, smallPicture}

// channels is how many there are in all.
func (i input) channels(latents int) int { return latents + i.beside(latents) }

// reads says whether the U-Net is of this kind.
func (p *Pipeline) reads(i input) bool {
	if more := i.beside(p.VAE.Config.LatentChannels); p.textless() && more != 0 {
		return false // it is for no task of text
	}
	return p.UNet.Config.InChannels == i.channels(p.VAE.Config.LatentChannels)
}

// trainedToInpaint says whether the U-Net sees a mask and the masked latents, too.
func (p *Pipeline) trainedToInpaint() bool { return p.reads(withMask) }

// checkInput wants the U-Net to read what some task gives it.
func (p *Pipeline) checkInput() error { return p.wantInput(known...) }

// wantInput wants the U-Net to be of one of the given kinds.
func (p *Pipeline) wantInput(kinds ...input) error {
	if slices.ContainsFunc(kinds, p.reads) {
		return nil
	}
	switch {
	case len(kinds) == 0: // any with more channels
		return p.wantMore()
	case p.textless():
		return p.wantsChannels()
	}
	var want []string
	for _, k := range kinds {
		want = append(want, fmt.Sprint(k.channels(p.VAE.Config.LatentChannels), " ", k.what))
	}
	is := ""
	for _, k := range known {
		if p.reads(k) {
			is = ": this model is " + k.what
			break
		}
	}
	last := len(want) - 1
	wanted := want[last]
	if last > 0 {
		wanted = strings.Join(want[:last], ", ") + ", or " + wanted
	}
	return fmt.Errorf("diffusion: the U-Net has %d input channels (in_channels), want %s%s", p.UNet.Config.InChannels, wanted, is)
}
