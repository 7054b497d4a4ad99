package preprocess

import (
	"context"
	"fmt"
	"image"

	"sdgo/internal/pillow"
)

// maxRadius bounds a blur, beyond which every picture is one color.
const maxRadius = 1 << 14

// Blur blurs a picture: Pillow's ImageFilter.GaussianBlur(radius), byte for byte, which
// comes near a Gaussian of that standard deviation in pixels by three boxes along rows and
// three along columns (Gwosdek et al. 2011). Cv2.GaussianBlur differs from it by a few
// levels. Beyond the edges the picture goes on as it ends.
//
// https://doi.org/10.1007/978-3-642-24785-9_38
func Blur(img image.Image, radius float64) (*image.NRGBA, error) {
	if !(radius >= 0 && radius <= maxRadius) {
		return nil, fmt.Errorf("preprocess: blur: have a radius of %v pixels, want 0 to %d", radius, maxRadius)
	}
	p, err := read(img)
	if err != nil {
		return nil, err
	}
	err = pillow.Blur(context.Background(), p.pix, p.w, p.h, p.channels, radius)
	return p.image(), err
}
