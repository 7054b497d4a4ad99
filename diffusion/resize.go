package diffusion

import (
	"context"
	"math"
)

// pixels is an 8-bit image of one or more interleaved channels, [H W C].
type pixels struct {
	width, height, channels int
	pix                     []uint8
}

func newPixels(width, height, channels int) pixels {
	return pixels{width, height, channels, make([]uint8, width*height*channels)}
}

// rows is an image that is read row by row, from the top, so that a large photo
// needs no copy: next sets dst [width channels] to the next row.
type rows struct {
	width, height, channels int
	next                    func(dst []uint8) error
}

// collect reads all rows.
func (r rows) collect() (pixels, error) {
	p := newPixels(r.width, r.height, r.channels)
	stride := r.width * r.channels
	for y := range r.height {
		if err := r.next(p.pix[y*stride:][:stride]); err != nil {
			return pixels{}, err
		}
	}
	return p, nil
}

// resize returns an image in another size, itself if the size is the same, by Lanczos'
// filter.
func resize(ctx context.Context, r rows, width, height int) rows {
	return resample(ctx, r, width, height, lanczosFilter)
}

// resample returns an image in another size, itself if the size is the same. It is the
// resampling of Pillow 13, bit for bit: a filter, stretched when the image shrinks so that
// it covers as many pixels of the result, along the rows and along the columns, in fixed
// point. Clipping between the two makes their order matter: columns go first if they lose
// more than twice the pixels that the rows lose (Pillow before 13 always began with rows).
func resample(ctx context.Context, r rows, width, height int, f filter) rows {
	if lost := r.height - height; lost > 0 && lost > 2*(r.width-width) {
		return resizeRows(resizeColumns(ctx, r, height, f), width, f)
	}
	return resizeColumns(ctx, resizeRows(r, width, f), height, f)
}

func resizeRows(r rows, width int, f filter) rows {
	if width == r.width {
		return r
	}
	taps := f.taps(r.width, width)
	row := make([]uint8, r.width*r.channels)
	return rows{width, r.height, r.channels, func(dst []uint8) error {
		if err := r.next(row); err != nil {
			return err
		}
		for x, t := range taps {
			for c := range r.channels {
				sum := int32(tapRounding)
				for i, w := range t.weights {
					sum += w * int32(row[(t.first+i)*r.channels+c])
				}
				dst[x*r.channels+c] = clip8(sum)
			}
		}
		return nil
	}}
}

// resizeColumns keeps as many rows as make one of the result.
func resizeColumns(ctx context.Context, r rows, height int, f filter) rows {
	if height == r.height {
		return r
	}
	taps := f.taps(r.height, height)
	kept := 0
	for _, t := range taps {
		kept = max(kept, len(t.weights))
	}
	stride := r.width * r.channels
	ring := make([]uint8, kept*stride)
	row := func(y int) []uint8 { return ring[y%kept*stride:][:stride] }
	sums := make([]int32, stride)
	y, read := 0, 0
	return rows{r.width, height, r.channels, func(dst []uint8) error {
		t := taps[y]
		y++
		for ; read < t.first+len(t.weights); read++ {
			if err := r.next(row(read)); err != nil {
				return err
			}
		}
		for i := range sums {
			sums[i] = tapRounding
		}
		for i, w := range t.weights {
			if err := ctx.Err(); err != nil {
				return err
			}
			for j, v := range row(t.first + i) {
				sums[j] += w * int32(v)
			}
		}
		for i, sum := range sums {
			dst[i] = clip8(sum)
		}
		return nil
	}}
}

// taps are the weights of the pixels from first on that make one pixel of the
// result, in units of 2^-tapBits; they sum to one, nearly.
type taps struct {
	first   int
	weights []int32
}

// tapBits leaves 8 bits of an int32 to the pixel and 2 to negative lobes.
const (
	tapBits     = 32 - 8 - 2
	tapRounding = 1 << (tapBits - 1)
)

// taps returns the taps of each of out pixels that replace in pixels.
// The conversions to float64 keep compilers from fusing a product with a sum,
// which would round otherwise than the reference.
func (f filter) taps(in, out int) []taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := f.support * stretch
	all := make([]taps, out)
	if f.support == 0 {
		at := scale / 2 // Pillow adds up
		for i := range all {
			all[i] = taps{min(int(at), in-1), []int32{1 << tapBits}}
			at += scale
		}
		return all
	}
	var weights []float64
	for i := range all {
		center := float64((float64(i) + 0.5) * scale)
		first := max(0, int(center-support+0.5))
		last := min(in, int(center+support+0.5))
		weights = weights[:0]
		total := 0.0
		for x := first; x < last; x++ {
			w := f.weight(float64((float64(x) - center + 0.5) * (1 / stretch)))
			weights = append(weights, w)
			total += w
		}
		fixed := make([]int32, len(weights))
		for j, w := range weights {
			if total != 0 {
				w /= total
			}
			fixed[j] = int32(math.Copysign(0.5, w) + float64(w*(1<<tapBits)))
		}
		all[i] = taps{first, fixed}
	}
	return all
}

// clip8 rounds a sum of taps to a pixel.
func clip8(sum int32) uint8 {
	return uint8(min(max(sum>>tapBits, 0), 255))
}
