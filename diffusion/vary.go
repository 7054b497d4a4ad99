package diffusion

import (
	"fmt"

	"sdgo/unet"
	"sdgo/vae"
)

// varied is the pipeline's U-Net as options change its work.
func (p *Pipeline) varied(o *Options) (u *unet.UNet, err error) {
	if u, err = p.UNet.WithTokenMerging(o.TokenMerging); err != nil {
		return nil, wrong("TokenMerging", fmt.Errorf("diffusion: %w", err))
	}
	if u, err = u.WithFreeU(o.FreeU); err != nil {
		return nil, wrong("FreeU", fmt.Errorf("diffusion: %w", err))
	}
	if u, err = u.WithSeamless(o.Seamless); err != nil {
		return nil, wrong("Seamless", fmt.Errorf("diffusion: %w", err))
	}
	prompts, err := p.imagePrompts(o)
	if err != nil {
		return nil, err
	}
	return u.WithImages((&shown{prompts: prompts}).forms())
}

// seams is where the pictures of the VAE go on with their other side.
func (o *Options) seams() vae.Seamless { return vae.Seamless(o.Seamless) }

// within is a U-Net of the run for a window: a picture goes on with its other side where
// the window has the whole of it.
func (r *run) within(u *unet.UNet, h, w int) *unet.UNet {
	around := unet.Seamless{X: r.Seamless.X && w == r.w, Y: r.Seamless.Y && h == r.h}
	if around == r.Seamless {
		return u
	}
	part, err := u.WithSeamless(around)
	if err != nil { // it is loaded
		return u
	}
	return part
}
