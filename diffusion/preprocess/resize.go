package preprocess

import (
	"fmt"
	"image"

	"sdgo/internal/pillow"
)

// ColorGrid keeps the colors of a picture and no shapes, as a T2I-Adapter for color reads
// them: the picture is reduced to one pixel for each cell of so many pixels a side, and
// enlarged again to cells of one color. It is Pillow's resize to (w/cell, h/cell) with
// BICUBIC, to one pixel a side at least, and back with NEAREST, byte for byte.
func ColorGrid(img image.Image, cell int) (*image.NRGBA, error) {
	if cell < 1 || cell > maxSide {
		return nil, fmt.Errorf("preprocess: color grid: have cells of %d pixels, want 1 to %d", cell, maxSide)
	}
	p, err := read(img)
	if err != nil {
		return nil, err
	}
	small := p.resize(max(p.w/cell, 1), max(p.h/cell, 1))
	out := newPicture(p.w, p.h, p.channels)
	rows, columns := nearest(small.h, p.h), nearest(small.w, p.w)
	for y, row := range rows {
		for x, column := range columns {
			from := row*small.w + column
			copy(out.pix[(y*p.w+x)*p.channels:][:p.channels], small.pix[from*p.channels:])
		}
	}
	return out.image(), nil
}

// nearest are the pixels of few in which the middles of many lie. Pillow adds their distance up,
// whose roundings decide where a middle lies between two.
func nearest(few, many int) []int {
	pixels := make([]int, many)
	distance := float64(few) / float64(many)
	at := distance * 0.5
	for i := range pixels {
		pixels[i] = min(int(at), few-1)
		at += distance
	}
	return pixels
}

// Tile makes a picture coarse, as a ControlNet for tiles reads it, which then adds detail:
// it is reduced by a whole factor, blocks to their means, and enlarged again to its size:
// Pillow's reduce(factor) and resize with BICUBIC, byte for byte.
func Tile(img image.Image, factor int) (*image.NRGBA, error) {
	if factor < 1 || factor > maxFactor {
		return nil, fmt.Errorf("preprocess: tile: have a factor of %d, want 1 to %d", factor, maxFactor)
	}
	p, err := read(img)
	if err != nil {
		return nil, err
	}
	return p.reduce(factor).resize(p.w, p.h).image(), nil
}

// maxFactor is that of the largest blocks whose pixels the means of reduce can count.
const maxFactor = 1 << 12

// reduce makes blocks to their means, in the roundings of Pillow; those at the right and
// lower edge may be smaller.
func (p *picture) reduce(factor int) *picture {
	out := newPicture((p.w+factor-1)/factor, (p.h+factor-1)/factor, p.channels)
	for y := range out.h {
		top, bottom := y*factor, min((y+1)*factor, p.h)
		for x := range out.w {
			left, right := x*factor, min((x+1)*factor, p.w)
			n := uint32((bottom - top) * (right - left))
			for c := range p.channels {
				sum := n / 2
				for i := top; i < bottom; i++ {
					for j := left; j < right; j++ {
						sum += uint32(p.pix[(i*p.w+j)*p.channels+c])
					}
				}
				out.pix[(y*out.w+x)*p.channels+c] = uint8(sum * (1 << 24 / n) >> 24)
			}
		}
	}
	return out
}

// resize is Pillow's with BICUBIC. Of the two directions that goes last which loses more
// than twice the pixels of the other, see package pillow.
func (p *picture) resize(w, h int) *picture {
	if lost := p.h - h; lost > 0 && lost > 2*(p.w-w) {
		return p.resizeColumns(h).resizeRows(w)
	}
	return p.resizeRows(w).resizeColumns(h)
}

func (p *picture) resizeRows(w int) *picture {
	if w == p.w {
		return p
	}
	out := newPicture(w, p.h, p.channels)
	taps := pillow.Bicubic.Of(p.w, w)
	for y := range p.h {
		from, to := p.pix[y*p.w*p.channels:], out.pix[y*w*p.channels:]
		for x, t := range taps {
			for c := range p.channels {
				sum := int32(pillow.Rounding)
				for i, weight := range t.Weights {
					sum += weight * int32(from[(t.First+i)*p.channels+c])
				}
				to[x*p.channels+c] = pillow.Clip8(sum)
			}
		}
	}
	return out
}

func (p *picture) resizeColumns(h int) *picture {
	if h == p.h {
		return p
	}
	out := newPicture(p.w, h, p.channels)
	stride := p.w * p.channels
	sums := make([]int32, stride)
	for y, t := range pillow.Bicubic.Of(p.h, h) {
		for i := range sums {
			sums[i] = pillow.Rounding
		}
		for i, weight := range t.Weights {
			for j, v := range p.pix[(t.First+i)*stride:][:stride] {
				sums[j] += weight * int32(v)
			}
		}
		for i, sum := range sums {
			out.pix[y*stride+i] = pillow.Clip8(sum)
		}
	}
	return out
}
