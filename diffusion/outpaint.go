package diffusion

import (
	"context"
	"image"
)

// Outpaint paints around an image: it is [Pipeline.Inpaint] of what [Border.Extend] makes of
// it, with a border that on its right and lower side is made as much wider as the picture's
// sides need to be multiples of 8 (in general of the VAE's factor). Options.Width and Height
// are zero, or those of that picture, but with Options.MaskPadding. A model that was trained to inpaint does it best; others want a Strength below
// 1, which keeps the colors that the border is filled with. Options.KeepOutside keeps the
// image's pixels, and Options.MaskCells as MaskCellsSoft makes the overlap soft.
func (p *Pipeline) Outpaint(ctx context.Context, prompt string, img image.Image, b Border, o *Options) (*Result, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	src, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	if err := b.check(src.width, src.height); err != nil {
		return nil, err
	}
	b = b.rounded(src.width, src.height, p.VAE.Config.Factor())
	width, height := b.size(src.width, src.height)
	if o == nil || o.MaskPadding == 0 {
		if o != nil && (o.Width != 0 || o.Height != 0) && (o.Width != width || o.Height != height) {
			return nil, badOption("Width", "have a size of %d×%d pixels, want none, or that of the image and its border, %d×%d", o.Width, o.Height, width, height)
		}
		// such a picture must be possible before it is made
		err := p.dry(ctx, p.inpainting(nil), prompt, o, func(r *run) error { return r.prepareImage(width, height) })
		if err != nil {
			return nil, err
		}
	}
	picture, mask, err := b.extend(ctx, src)
	if err != nil {
		return nil, err
	}
	return p.Inpaint(ctx, prompt, picture, mask, o)
}

// rounded makes a border wider, so that the picture with it has sides of multiples of a
// factor.
func (b Border) rounded(width, height, factor int) Border {
	missing := func(side int) int { return (factor - side%factor) % factor }
	b.Right += missing(b.Left + width + b.Right)
	b.Bottom += missing(b.Top + height + b.Bottom)
	return b
}
