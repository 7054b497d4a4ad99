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
	small := p.resize(max(p.w/cell, 1), max(p.h/cell, 1), pillow.Bicubic)
	return small.resize(p.w, p.h, pillow.Nearest).image(), nil
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
	return p.reduce(factor).resize(p.w, p.h, pillow.Bicubic).image(), nil
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

// resize is Pillow's with a filter.
func (p *picture) resize(w, h int, f pillow.Filter) *picture {
	if pillow.ColumnsFirst(p.w, p.h, w, h) {
		return p.resizeColumns(h, f).resizeRows(w, f)
	}
	return p.resizeRows(w, f).resizeColumns(h, f)
}

func (p *picture) resizeRows(w int, f pillow.Filter) *picture {
	if w == p.w {
		return p
	}
	out := newPicture(w, p.h, p.channels)
	taps := f.Of(p.w, w)
	for y := range p.h {
		pillow.Across(out.pix[y*w*p.channels:], p.pix[y*p.w*p.channels:], p.channels, taps)
	}
	return out
}

func (p *picture) resizeColumns(h int, f pillow.Filter) *picture {
	if h == p.h {
		return p
	}
	out := newPicture(p.w, h, p.channels)
	stride := p.w * p.channels
	sums := make([]int32, stride)
	row := func(y int) ([]uint8, error) { return p.pix[y*stride:][:stride], nil }
	for y, t := range f.Of(p.h, h) {
		_ = t.Down(out.pix[y*stride:], sums, row) // row has no errors
	}
	return out
}
