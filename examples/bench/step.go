package main

import (
	"io/fs"

	"gorgonia.org/tensor"

	"sdgo/examples/internal/models"
	"sdgo/unet"
)

// open opens the model that the flags name.
func (o *options) open() (fs.FS, error) {
	if o.taesd {
		return models.OpenTAESD(o.model)
	}
	return models.Open(o.model)
}

// samples is how many of them a step takes: two with guidance, which a U-Net that reads
// the guidance scale does without.
func (o *options) samples(u *unet.UNet) (n int, name string) {
	if u.Config.TimeCondProjDim != nil || o.guidance > 0 && o.guidance <= 1 {
		return 1, "U-Net step without guidance"
	}
	return 2, "guided U-Net step"
}

// sizes are the numbers that Stable Diffusion XL is told of a picture.
const sizes = 6

// conditions are what a U-Net reads beside the latents, of n samples.
func conditions(u *unet.UNet, n int) unet.Conditioning[*tensor.Dense] {
	c := unet.Text(noise(n, 77, u.Config.CrossAttentionDim.At(0)))
	if u.Config.AdditionEmbedType != nil {
		c.PooledText = noise(n, *u.Config.ProjectionInputDim-sizes**u.Config.AdditionTimeDim)
		c.TimeIDs = noise(n, sizes)
	}
	if dim := u.Config.TimeCondProjDim; dim != nil {
		c.TimeCond = noise(n, *dim)
	}
	return c
}
