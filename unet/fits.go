package unet

import (
	"fmt"
	"slices"
)

// oddCells is the size of latents for which shapes are compared: one that is rounded when
// it is halved.
const oddCells = 13

// Fits wants a ControlNet to be one for this U-Net: to read the same text, and to make
// residuals of the shapes that the U-Net adds.
func (u *UNet) Fits(c *ControlNet) error {
	if err := u.loaded(); err != nil {
		return err
	}
	if err := c.loaded(); err != nil {
		return err
	}
	half := c.half
	switch have, want := half.Config.CrossAttentionDim.At(0), u.Config.CrossAttentionDim.At(0); {
	case have != want && !half.anyText && want == 0:
		return fmt.Errorf("unet: controlnet: reads a text, which the U-Net does not")
	case have != want && !half.anyText:
		return fmt.Errorf("unet: controlnet: reads text of %d numbers a token, the U-Net of %d", have, want)
	case half.time.text != nil && u.time.text == nil:
		return fmt.Errorf("unet: controlnet: reads a pooled text and time ids, which the U-Net does not")
	case half.time.text != nil && half.time.text.in != u.time.text.in:
		return fmt.Errorf("unet: controlnet: reads a pooled text and time ids of %d numbers together, the U-Net of %d", half.time.text.in, u.time.text.in)
	case half.time.class != nil && (u.time.class == nil || !slices.Equal(half.time.class.vector, u.time.class.vector)):
		return fmt.Errorf("unet: controlnet: reads class labels, which the U-Net does not")
	case half.Config.InChannels > u.Config.InChannels:
		return fmt.Errorf("unet: controlnet: reads latents of %d channels, the U-Net of %d", half.Config.InChannels, u.Config.InChannels)
	}
	latents := dims{1, 1, oddCells, oddCells}
	have, want := residualShapes(half, latents), residualShapes(u, latents)
	if len(have) != len(want) {
		return fmt.Errorf("unet: controlnet: makes residuals for %d skips, the U-Net has %d", len(have)-1, len(want)-1)
	}
	for i := range have {
		if !slices.Equal(have[i], want[i]) {
			return fmt.Errorf("unet: controlnet: makes a residual [%d H W] for skip %d, the U-Net wants [%d H W] (block_out_channels %v and %v)",
				have[i][1], i, want[i][1], half.Config.BlockOutChannels, u.Config.BlockOutChannels)
		}
	}
	return nil
}

// FitsT2I wants a T2I-Adapter to be one for this U-Net, whose latents are factor times
// smaller than pictures: to make features of the shapes that the U-Net adds.
func (u *UNet) FitsT2I(t *T2IAdapter, factor int) error {
	if err := u.loaded(); err != nil {
		return err
	}
	if err := t.loaded(); err != nil {
		return err
	}
	if factor < 1 || factor > maxDownscale {
		return fmt.Errorf("unet: t2i adapter: have latents %d times smaller than pictures, want 1 to %d", factor, maxDownscale)
	}
	cells := t.Config.DownscaleFactor * maxDownscale // a size that all levels halve
	have := t.shapes(pictureKey{1, factor * cells, factor * cells})
	f := Features[dims]{Levels: make([]dims, min(len(have), len(u.Config.BlockOutChannels)))}
	count := featureCount{len(f.Levels), len(have) > len(f.Levels)}
	fields, err := featureFields(u, &f, count, dims{1, 1, cells, cells})
	if err != nil {
		return fmt.Errorf("unet: t2i adapter: %w", err)
	}
	if len(have) > len(fields) {
		return fmt.Errorf("unet: t2i adapter: makes %d features, the U-Net takes %d", len(have), len(fields))
	}
	for i, want := range fields {
		if !slices.Equal(have[i], want.shape) {
			return fmt.Errorf("unet: t2i adapter: makes a feature [%d H/%d W/%d] of level %d, the U-Net wants [%d H/%d W/%d] (of pictures H×W)",
				have[i][1], factor*cells/have[i][2], factor*cells/have[i][3], i, want.shape[1], factor*cells/want.shape[2], factor*cells/want.shape[3])
		}
	}
	return nil
}
