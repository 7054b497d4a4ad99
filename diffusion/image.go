package diffusion

import (
	"fmt"
	"image"
	"image/color"
	"math"
)

// These bound the images that callers give.
const (
	maxImageSide   = 1 << 15
	maxImagePixels = 1 << 28
)

// checkImage refuses what is no image; what is its name for the error.
func checkImage(what string, img image.Image) error {
	if img == nil {
		return fmt.Errorf("diffusion: %s: have no image", what)
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if b.Min.X >= b.Max.X || b.Min.Y >= b.Max.Y {
		return fmt.Errorf("diffusion: %s: have an empty image, bounds %v", what, b)
	}
	if w < 1 || h < 1 || w > maxImageSide || h > maxImageSide { // below 1 if the difference overflows
		return fmt.Errorf("diffusion: %s: have bounds %v, want sides up to %d pixels", what, b, maxImageSide)
	}
	if w*h > maxImagePixels {
		return fmt.Errorf("diffusion: %s: have %d×%d pixels, want up to %d in all", what, w, h, maxImagePixels)
	}
	return nil
}

// nrgbaAt returns the pixels of an image as red, green, blue and alpha, not
// premultiplied. Colors that are stored so keep their bytes, even at alpha 0.
func nrgbaAt(img image.Image) func(x, y int) color.NRGBA {
	switch img := img.(type) {
	case *image.NRGBA:
		return img.NRGBAAt
	case *image.RGBA:
		return func(x, y int) color.NRGBA { return toNRGBA(img.RGBAAt(x, y)) }
	case *image.YCbCr:
		return func(x, y int) color.NRGBA {
			c := img.YCbCrAt(x, y)
			r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
			return color.NRGBA{r, g, b, 255}
		}
	}
	return func(x, y int) color.NRGBA {
		switch c := img.At(x, y).(type) {
		case color.NRGBA:
			return c
		case color.NRGBA64:
			return color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), uint8(c.A >> 8)}
		case color.RGBA:
			return toNRGBA(c)
		default:
			return color.NRGBAModel.Convert(c).(color.NRGBA)
		}
	}
}

func toNRGBA(c color.RGBA) color.NRGBA {
	if c.A == 255 {
		return color.NRGBA(c)
	}
	return color.NRGBAModel.Convert(c).(color.NRGBA)
}

// rgbPixels returns red, green and blue as they are stored: transparency is
// ignored, as Pillow's convert("RGB") does.
func rgbPixels(img image.Image) pixels {
	b, at := img.Bounds(), nrgbaAt(img)
	p := newPixels(b.Dx(), b.Dy(), 3)
	for y := range p.height {
		row := p.pix[3*y*p.width:]
		for x := range p.width {
			c := at(b.Min.X+x, b.Min.Y+y)
			row[3*x], row[3*x+1], row[3*x+2] = c.R, c.G, c.B
		}
	}
	return p
}

// imageToTensor returns an image as [1 3 H W] with values in [-1, 1], as the
// VaeImageProcessor of diffusers does for a Pillow image in mode RGB: resized
// if it has another size than width × height, x/255·2 − 1. checkImage must
// have passed.
func imageToTensor(img image.Image, width, height int) []float32 {
	p := resize(rgbPixels(img), width, height)
	plane := width * height
	x := make([]float32, 3*plane)
	for i := range plane {
		for c := range 3 {
			x[c*plane+i] = 2*(float32(p.pix[3*i+c])/255) - 1
		}
	}
	return x
}

// tensorToImages returns x [N 3 H W] with values in [-1, 1] as N opaque images.
// Values outside are clipped, ties round to even as in numpy, NaN becomes 0.
func tensorToImages(x []float32, n, h, w int) ([]*image.NRGBA, error) {
	if n < 1 || h < 1 || w < 1 || len(x) != n*3*h*w {
		return nil, fmt.Errorf("diffusion: images: have %d values, want shape [%d 3 %d %d]", len(x), n, h, w)
	}
	images := make([]*image.NRGBA, n)
	plane := h * w
	for k := range images {
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for i := range plane {
			for c := range 3 {
				img.Pix[4*i+c] = toByte(x[(3*k+c)*plane+i])
			}
			img.Pix[4*i+3] = 255
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
