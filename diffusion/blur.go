package diffusion

import (
	"context"
	"slices"

	"sdgo/internal/pillow"
)

// blur returns an image under Pillow's Gaussian with a standard deviation in pixels, itself
// if that is 0.
func (p pixels) blur(ctx context.Context, deviation float64) (pixels, error) {
	if deviation == 0 {
		return p, nil
	}
	p.pix = slices.Clone(p.pix)
	return p, pillow.Blur(ctx, p.pix, p.width, p.height, p.channels, deviation)
}
