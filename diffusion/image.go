package diffusion

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
)

// ImageToTensor returns an image's red, green and blue as a tensor [1 3 H W] with values
// in [-1, 1], x/255·2 − 1, as VAE.Encode takes them and the VaeImageProcessor of diffusers
// makes them of a Pillow image in mode RGB. Transparency is ignored, and the size stays:
// the VAE wants multiples of its factor, mostly 8. An image that panics, or has fewer
// pixels than its bounds say, gives an error.
func ImageToTensor(img image.Image) (*tensor.Dense, error) {
	s, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	p, err := s.rgb(ctx).collect()
	if err != nil {
		return nil, err
	}
	x, err := p.tensor(ctx)
	if err != nil {
		return nil, err
	}
	return engine.Tensor(x, 1, 3, p.height, p.width), nil
}

// TensorToImage returns a tensor [N 3 H W], whose values from -1 to 1 are 0 to 255, as N
// opaque images: what VAE.Decode gives. Values outside are clipped, ties round to even as
// in numpy, and NaN becomes 0.
func TensorToImage(t *tensor.Dense) ([]*image.NRGBA, error) {
	x, err := nn.Floats("diffusion: images", t, -1, 3, -1, -1)
	if err != nil {
		return nil, err
	}
	shape := t.Shape()
	return tensorToImages(context.Background(), x, shape[0], shape[2], shape[3])
}

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

// asImage makes one of x [C H W] with values in [-1, 1], of three channels or of one, gray.
func asImage(ctx context.Context, x []float32, channels, h, w int) (*image.NRGBA, error) {
	if channels == 1 {
		x = slices.Repeat(x, 3)
	}
	images, err := tensorToImages(ctx, x, 1, h, w)
	if err != nil {
		return nil, err
	}
	return images[0], nil
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
