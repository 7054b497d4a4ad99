package diffusion

import (
	"image"

	"sdgo/internal/pillow"
)

// rows reads an image from its first row.
func (p pixels) rows() rows {
	y, stride := 0, p.width*p.channels
	return rows{p.width, p.height, p.channels, func(dst []uint8) error {
		copy(dst, p.pix[y*stride:][:stride])
		y++
		return nil
	}}
}

// cut returns the part of an image in a rectangle. The rows above it are read, too.
func (r rows) cut(box image.Rectangle) rows {
	if box == image.Rect(0, 0, r.width, r.height) {
		return r
	}
	row, above := make([]uint8, r.width*r.channels), box.Min.Y
	return rows{box.Dx(), box.Dy(), r.channels, func(dst []uint8) error {
		for ; above >= 0; above-- {
			if err := r.next(row); err != nil {
				return err
			}
		}
		above = 0
		copy(dst, row[box.Min.X*r.channels:])
		return nil
	}}
}

// framed returns an image of another size with r in it, left and top pixels from its
// corner, and around it the pixels of r's border.
func (r rows) framed(left, top, width, height int) rows {
	if width == r.width && height == r.height {
		return r
	}
	row, y := make([]uint8, r.width*r.channels), 0
	return rows{width, height, r.channels, func(dst []uint8) error {
		if y == 0 || y > top && y < top+r.height {
			if err := r.next(row); err != nil {
				return err
			}
		}
		y++
		for x := range width {
			at := min(max(x-left, 0), r.width-1)
			copy(dst[x*r.channels:], row[at*r.channels:][:r.channels])
		}
		return nil
	}}
}

// continued returns an image of another size with p in it, left and top pixels from its
// corner. Around it is what Pillow makes of an empty box at the border by its cubic filter:
// nine eighths of the border's pixel less an eighth of the next one.
func (p pixels) continued(left, top, width, height int) pixels {
	out := newPixels(width, height, p.channels)
	for i := range width * height {
		x, nextX := beyond(i%width-left, p.width)
		y, nextY := beyond(i/width-top, p.height)
		for c := range p.channels {
			v := p.pix[(y*p.width+x)*p.channels+c]
			if next := p.pix[(nextY*p.width+nextX)*p.channels+c]; next != v && (x != nextX || y != nextY) {
				v = pillow.Clip8(pillow.Rounding + 9<<(pillow.Bits-3)*int32(v) - 1<<(pillow.Bits-3)*int32(next))
			}
			out.pix[i*p.channels+c] = v
		}
	}
	return out
}

// beyond is the place within a side that stands for one, and the place next to that where
// it is beyond the side.
func beyond(at, side int) (place, next int) {
	switch {
	case at < 0:
		return 0, min(1, side-1)
	case at >= side:
		return side - 1, max(side-2, 0)
	}
	return at, at
}
