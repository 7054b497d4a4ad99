package diffusion

import (
	"context"

	"sdgo/diffusion/watermark"
)

// checkWatermark wants pictures in which the watermark has room.
func (r *run) checkWatermark() error {
	switch {
	case r.Watermark == "":
		return nil
	case r.Output == OutputLatent:
		return badOption("Watermark", "have one, want none: the output is latents, and no picture")
	}
	if err := r.Watermark.Check(r.Width, r.Height); err != nil {
		return badOption("Watermark", "%w", err)
	}
	return nil
}

// mark hides the watermark in the pictures.
func (r *run) mark(ctx context.Context) (err error) {
	if r.Watermark == "" {
		return nil
	}
	for i, img := range r.result.Images {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.result.Images[i], err = watermark.Embed(img, r.Watermark); err != nil {
			return badOption("Watermark", "%w", err)
		}
	}
	return nil
}
