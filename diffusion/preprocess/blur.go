package preprocess

import (
	"fmt"
	"image"
	"math"
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
	if radius > 0 {
		box := newBox(boxRadius(float32(radius)))
		for range boxes {
			box.rows(p)
		}
		for range boxes {
			box.columns(p)
		}
	}
	return p.image(), nil
}

// boxes is how many of them stand for a Gaussian.
const boxes = 3

// boxRadius is that of boxes which have the variance of a Gaussian together, in the
// roundings of Pillow.
func boxRadius(sigma float32) float32 {
	variance := float32(float32(sigma*sigma) / boxes)
	length := float32(math.Sqrt(float64(12.0*float64(variance)) + 1.0))
	l := float32(math.Floor((float64(length) - 1.0) / 2.0))
	a := float32(float32(2*l+1) * float32(float32(l*float32(l+1))-float32(3*variance)))
	a /= 6 * float32(variance-float32(float32(l+1)*float32(l+1)))
	return l + a
}

// box is a mean over 2·radius+1 pixels, and a share of one more at either end, in units of
// 2^-24.
type box struct {
	radius      int
	inner, ends uint32
}

func newBox(radius float32) box {
	r := int(radius)
	inner := uint32(float32(1<<24) / (float32(radius*2) + 1))
	return box{r, inner, (1<<24 - uint32(2*r+1)*inner) / 2}
}

// line blurs n numbers of pix that stand step apart, from first on. Copied is room for them.
func (b box) line(pix []uint8, first, step, n int, copied []uint8) {
	for i := range n {
		copied[i] = pix[first+i*step]
	}
	at := func(i int) uint32 { return uint32(copied[min(max(i, 0), n-1)]) }
	sum := uint32(0)
	for i := -b.radius - 1; i < b.radius; i++ {
		sum += at(i)
	}
	for i := range n {
		sum += at(i+b.radius) - at(i-b.radius-1)
		total := sum*b.inner + (at(i-b.radius-1)+at(i+b.radius+1))*b.ends
		pix[first+i*step] = uint8((total + 1<<23) >> 24)
	}
}

func (b box) rows(p *picture) {
	copied := make([]uint8, p.w)
	for y := range p.h {
		for c := range p.channels {
			b.line(p.pix, y*p.w*p.channels+c, p.channels, p.w, copied)
		}
	}
}

func (b box) columns(p *picture) {
	copied := make([]uint8, p.h)
	for x := range p.w * p.channels {
		b.line(p.pix, x, p.w*p.channels, p.h, copied)
	}
}
