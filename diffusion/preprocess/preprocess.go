// Package preprocess makes of a picture what a ControlNet or a T2I-Adapter is steered by,
// where that needs no model of its own:
//
//	edges, err := preprocess.Canny(img, nil)            // white edges on black
//	hints, err := preprocess.ColorGrid(img, 64)         // colors without shapes
//	sheet, err := preprocess.Scribble(img)              // dark lines, inverted
//	lines, err := preprocess.Outline(mask, 4)           // the edge of a mask
//	blurred, err := preprocess.Blur(img, 6)             // shapes without detail
//	coarse, err := preprocess.Tile(img, 4)              // a small picture, enlarged
//
// [Canny] gives what OpenCV's does, and the others what Pillow's functions do that their
// comments name, byte for byte. Transparency is ignored.
//
// Pictures are of any type of package image, up to 2^15 pixels a side and 2^26 in all; what
// is made of one takes some 3 to 20 bytes for each of its pixels. Errors begin with
// "preprocess:"; a picture that panics, or has fewer pixels than its bounds say, gives one.
// The functions keep nothing, and any number of goroutines may call them.
package preprocess

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"reflect"

	"sdgo/internal/pillow"
)

// These bound the pictures that callers give.
const (
	maxSide   = 1 << 15
	maxPixels = 1 << 26
)

// picture is red, green and blue, or gray alone, of 8 bits: [H W C].
type picture struct {
	w, h, channels int
	pix            []uint8
}

func newPicture(w, h, channels int) *picture {
	return &picture{w, h, channels, make([]uint8, w*h*channels)}
}

// read copies a caller's picture: in gray if that is what it is, else in color.
func read(img image.Image) (p *picture, err error) {
	if img == nil {
		return nil, errors.New("preprocess: have no image")
	}
	if v := reflect.ValueOf(img); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("preprocess: have a nil %T", img)
	}
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("preprocess: a %T panicked: %v", img, r)
		}
	}()
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	switch {
	case b.Min.X >= b.Max.X || b.Min.Y >= b.Max.Y:
		return nil, fmt.Errorf("preprocess: have an empty image, bounds %v", b)
	case w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > maxPixels: // below 1 if the difference overflows
		return nil, fmt.Errorf("preprocess: have bounds %v, want sides up to %d pixels, and %d pixels in all", b, maxSide, maxPixels)
	}
	if gray, ok := img.(*image.Gray); ok {
		p = newPicture(w, h, 1)
		for y := range h {
			copy(p.pix[y*w:(y+1)*w], gray.Pix[y*gray.Stride:][:w])
		}
		return p, nil
	}
	p = newPicture(w, h, 3)
	for y := range h {
		row := p.pix[3*y*w:][:3*w]
		for x := range w {
			c := color.NRGBAModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			row[3*x], row[3*x+1], row[3*x+2] = c.R, c.G, c.B
		}
	}
	return p, nil
}

// image is p as an opaque picture.
func (p *picture) image() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, p.w, p.h))
	last := p.channels - 1
	for i := range p.w * p.h {
		from, to := p.pix[p.channels*i:][:p.channels], img.Pix[4*i:][:4]
		to[0], to[1], to[2], to[3] = from[0], from[min(1, last)], from[last], 255
	}
	return img
}

// luma is the gray of a pixel.
func (p *picture) luma(i int) uint8 {
	if p.channels == 1 {
		return p.pix[i]
	}
	c := p.pix[3*i:][:3]
	return pillow.Luma(c[0], c[1], c[2])
}
