package diffusion

import (
	"context"
	"fmt"
	"image"
	"math"
)

// tensor returns an image [H W 3] as [1 3 H W] with values in [-1, 1], as the
// VaeImageProcessor of diffusers does for a Pillow image in mode RGB: x/255·2 − 1.
func (p pixels) tensor(ctx context.Context) ([]float32, error) {
	plane := p.width * p.height
	x := make([]float32, 3*plane)
	for y := range p.height {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := y * p.width; i < (y+1)*p.width; i++ {
			for c := range 3 {
				x[c*plane+i] = 2*(float32(p.pix[3*i+c])/255) - 1
			}
		}
	}
	return x, nil
}

// tensorToImages returns x [N 3 H W] with values in [-1, 1] as N opaque images.
// Values outside are clipped, ties round to even as in numpy, NaN becomes 0.
func tensorToImages(ctx context.Context, x []float32, n, h, w int) ([]*image.NRGBA, error) {
	if n < 1 || h < 1 || w < 1 || len(x) != n*3*h*w {
		return nil, fmt.Errorf("diffusion: images: have %d values, want shape [%d 3 %d %d]", len(x), n, h, w)
	}
	images := make([]*image.NRGBA, n)
	plane := h * w
	for k := range images {
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for y := range h {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for i := y * w; i < (y+1)*w; i++ {
				for c := range 3 {
					img.Pix[4*i+c] = toByte(x[(3*k+c)*plane+i])
				}
				img.Pix[4*i+3] = 255
			}
		}
		images[k] = img
	}
	return images, nil
}

// toByte maps [-1, 1] to 0..255.
func toByte(v float32) uint8 {
	v = float32(v*0.5) + 0.5
	if !(v > 0) { // NaN, too
		return 0
	}
	v = min(v, 1)
	return uint8(math.RoundToEven(float64(float32(v * 255))))
}
