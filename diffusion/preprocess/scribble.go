package preprocess

import (
	"fmt"
	"image"
)

// The levels below which a line on a sheet is dark, and from which on a mask is set.
const (
	dark = 127
	set  = 128
)

// Scribble makes of dark lines on a bright sheet what a ControlNet for scribbles reads:
// white lines on black. A pixel is a line where its red, green or blue is below 127, as in
// the annotator of ControlNet's authors.
func Scribble(img image.Image) (*image.Gray, error) {
	p, err := read(img)
	if err != nil {
		return nil, err
	}
	return p.where(func(i int) bool {
		for _, v := range p.pix[i*p.channels:][:p.channels] {
			if v < dark {
				return true
			}
		}
		return false
	}), nil
}

// Outline draws the edge of a mask, whose bright pixels are inside, or of edges that are
// thinner, as white lines on black, so many pixels wide: half of them outside, the larger
// half if it is odd. The edge of the picture is none.
func Outline(mask image.Image, width int) (*image.Gray, error) {
	if width < 1 || width > maxSide {
		return nil, fmt.Errorf("preprocess: outline: have a width of %d pixels, want 1 to %d", width, maxSide)
	}
	p, err := read(mask)
	if err != nil {
		return nil, err
	}
	inside, outside := make([]bool, p.w*p.h), make([]bool, p.w*p.h)
	for i := range inside {
		inside[i] = p.luma(i) >= set
		outside[i] = !inside[i]
	}
	spread(inside, p.w, p.h, (width+1)/2)
	spread(outside, p.w, p.h, width/2)
	return p.where(func(i int) bool { return inside[i] && outside[i] }), nil
}

// where is white where line says so.
func (p *picture) where(line func(i int) bool) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, p.w, p.h))
	for i := range out.Pix {
		if line(i) {
			out.Pix[i] = 255
		}
	}
	return out
}

// spread sets what lies within so many pixels of what is set, along rows and columns.
func spread(bits []bool, w, h, radius int) {
	line := make([]bool, max(w, h))
	along := func(first, step, n int) {
		for i := range n {
			line[i] = bits[first+i*step]
		}
		near := -1 // the last one that is set, or none
		for i := range n {
			if line[i] {
				near = i
			}
			bits[first+i*step] = near >= 0 && i-near <= radius
		}
		near = -1
		for i := n - 1; i >= 0; i-- {
			if line[i] {
				near = i
			}
			if near >= 0 && near-i <= radius {
				bits[first+i*step] = true
			}
		}
	}
	for y := range h {
		along(y*w, 1, w)
	}
	for x := range w {
		along(x, w, h)
	}
}
