package diffusion

import (
	"context"
	"image"
)

// painted is an image of which a mask is repainted.
type painted struct {
	original, mask *source
	part           *cutout   // nil if it is the whole image
	area           *area     // what the mask makes of the picture
	given          pixels    // the image in the size of the picture
	pixels         []float32 // the same [1 3 H W]
}

// read reads image and mask.
func (p *painted) read(ctx context.Context, r *run) (err error) {
	if r.MaskPadding != 0 {
		return p.readPart(ctx, r)
	}
	if p.area, err = newArea(ctx, p.mask, &r.Options, r.h, r.w); err != nil {
		return err
	}
	p.given, p.pixels, err = r.readImage(ctx, p.original)
	return err
}

// finish returns the picture with the image over it where that is to stay as it is.
func (p *painted) finish(ctx context.Context, r *run, img *image.NRGBA) (*image.NRGBA, error) {
	if p.part != nil {
		return p.part.into(ctx, p.original, img)
	}
	if !r.KeepOutside {
		return img, nil
	}
	rows := p.given.opaque(ctx)
	if p.original.width == r.Width && p.original.height == r.Height {
		rows = p.original.nrgba(ctx)
	}
	return img, overlay(img, p.area.gray, rows)
}
