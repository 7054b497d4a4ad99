package diffusion

import (
	"context"

	"sdgo/internal/pillow"
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
	return resample(ctx, r, width, height, pillow.Lanczos)
}

// resample returns an image in another size, itself if the size is the same. It is the
// resampling of Pillow 13, bit for bit, see package pillow.
func resample(ctx context.Context, r rows, width, height int, f pillow.Filter) rows {
	if pillow.ColumnsFirst(r.width, r.height, width, height) {
		return resizeRows(resizeColumns(ctx, r, height, f), width, f)
	}
	return resizeColumns(ctx, resizeRows(r, width, f), height, f)
}

func resizeRows(r rows, width int, f pillow.Filter) rows {
	if width == r.width {
		return r
	}
	taps := f.Of(r.width, width)
	row := make([]uint8, r.width*r.channels)
	return rows{width, r.height, r.channels, func(dst []uint8) error {
		if err := r.next(row); err != nil {
			return err
		}
		pillow.Across(dst, row, r.channels, taps)
		return nil
	}}
}

// resizeColumns keeps as many rows as make one of the result.
func resizeColumns(ctx context.Context, r rows, height int, f pillow.Filter) rows {
	if height == r.height {
		return r
	}
	taps := f.Of(r.height, height)
	kept := 0
	for _, t := range taps {
		kept = max(kept, len(t.Weights))
	}
	stride := r.width * r.channels
	ring := make([]uint8, kept*stride)
	row := func(y int) ([]uint8, error) { return ring[y%kept*stride:][:stride], ctx.Err() }
	sums := make([]int32, stride)
	y, read := 0, 0
	return rows{r.width, height, r.channels, func(dst []uint8) error {
		t := taps[y]
		y++
		for ; read < t.First+len(t.Weights); read++ {
			next, err := row(read)
			if err == nil {
				err = r.next(next)
			}
			if err != nil {
				return err
			}
		}
		return t.Down(dst, sums, row)
	}}
}
