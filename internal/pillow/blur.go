package pillow

import (
	"context"
	"math"
)

// blurPasses is how many boxes, one after the other, stand for a Gaussian.
const blurPasses = 3

// Blur blurs an image [H W C] in place by a Gaussian with a standard deviation in pixels, as
// GaussianBlur does: three boxes along the rows and three along the columns, each rounded to
// 8 bits, whose ends count in part (Gwosdek et al. 2011, Theoretical Foundations of Gaussian
// Convolution by Extended Box Filtering). Beyond the border are the pixels of the border. It
// looks at ctx between lines.
//
// https://doi.org/10.1007/978-3-642-24785-9_38
func Blur(ctx context.Context, pix []uint8, width, height, channels int, deviation float64) error {
	if deviation == 0 {
		return nil
	}
	b := newExtendedBox(boxRadius(float32(deviation)))
	row := width * channels
	for y := range height {
		if err := ctx.Err(); err != nil {
			return err
		}
		for c := range channels {
			b.line(pix[y*row+c:], channels, width)
		}
	}
	for i := range row {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.line(pix[i:], row, height)
	}
	return nil
}

// boxRadius is the radius of the boxes, with a fraction, in Pillow's float32.
func boxRadius(deviation float32) float32 {
	variance := float32(deviation*deviation) / blurPasses
	length := float32(math.Sqrt(12*float64(variance) + 1))
	whole := float32(math.Floor((float64(length) - 1) / 2))
	part := float32((2*whole + 1) * (float32(whole*(whole+1)) - float32(3*variance)))
	part /= float32(6 * (variance - float32((whole+1)*(whole+1))))
	return whole + part
}

// extendedBox is one of pixels up to a radius to either side that count in full, and one more that
// counts in part, in units of 2^-24.
type extendedBox struct {
	radius     int
	full, part uint32
	in         []uint8 // a line
}

func newExtendedBox(radius float32) *extendedBox {
	b := &extendedBox{radius: int(radius)}
	b.full = uint32(float32(1<<24) / (float32(radius*2) + 1))
	b.part = (1<<24 - uint32(2*b.radius+1)*b.full) / 2
	return b
}

// line blurs n pixels in place, which are stride apart.
func (b *extendedBox) line(x []uint8, stride, n int) {
	if cap(b.in) < n {
		b.in = make([]uint8, n)
	}
	in := b.in[:n]
	at := func(i int) uint32 { return uint32(in[min(max(i, 0), n-1)]) }
	for range blurPasses {
		for i := range in {
			in[i] = x[i*stride]
		}
		sum := uint32(0)
		for k := -b.radius - 1; k < b.radius; k++ {
			sum += at(k)
		}
		for i := range in {
			sum += at(i+b.radius) - at(i-b.radius-1)
			total := sum*b.full + (at(i-b.radius-1)+at(i+b.radius+1))*b.part
			x[i*stride] = uint8((total + 1<<23) >> 24)
		}
	}
}
