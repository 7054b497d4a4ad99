package diffusion

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// area is what a mask makes a run repaint.
type area struct {
	gray          []uint8   // the mask [H W], 255 where to repaint, gray between
	cells         []float32 // [1 1 h w], 1 where to repaint and 0 elsewhere; with MaskCellsSoft between them
	width, height int       // of the mask
	latentW       int       // w
	choice        MaskCells
}

// repaintFrom is the gray from which on a pixel is repainted: a half and more, as
// in the mask processor of diffusers.
const repaintFrom = 128

// newArea reads a mask for a picture of o's size with latents of h×w cells. It
// gives ErrEmptyMask if no cell is to be repainted.
func newArea(ctx context.Context, mask *source, o *Options, h, w int) (*area, error) {
	gray, err := o.readBlurred(ctx, mask, o.Width, o.Height)
	if err != nil {
		return nil, err
	}
	return areaIn(ctx, gray, o, h, w)
}

// areaIn is newArea of a mask [H W] that was read.
func areaIn(ctx context.Context, gray []uint8, o *Options, h, w int) (*area, error) {
	a := &area{gray, make([]float32, h*w), o.Width, o.Height, w, o.MaskCells}
	painted := 0
	for y := range a.height {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for x := range a.width {
			if a.choice == MaskCellsSoft {
				*a.cell(x, y) += float32(a.gray[y*a.width+x])
				continue
			}
			if !a.painted(x, y) {
				continue
			}
			painted++
			if a.choice == MaskCellsAny || a.sampled(x, y) {
				*a.cell(x, y) = 1
			}
		}
	}
	if a.choice == MaskCellsSoft { // sums of whole numbers so far
		for i := range a.cells {
			a.cells[i] /= float32(255 * (len(gray) / len(a.cells)))
		}
	}
	if slices.Max(a.cells) > 0 {
		return a, nil
	}
	if painted > 0 {
		return nil, fmt.Errorf("%w: MaskCellsSample looks at one in %d and sees none of the %d to repaint", ErrEmptyMask, len(gray)/len(a.cells), painted)
	}
	return nil, o.emptyMask(gray)
}

// emptyMask is the error of a mask that repaints nothing.
func (o *Options) emptyMask(gray []uint8) error {
	have, from := slices.Max(gray), uint8(repaintFrom)
	if o.MaskCells == MaskCellsSoft {
		from = 1
	}
	if o.Mask == MaskAlpha {
		return fmt.Errorf("%w: have alpha from %d, want up to %d somewhere", ErrEmptyMask, 255-have, 255-from)
	}
	return fmt.Errorf("%w: have luminance up to %d, want %d or more somewhere", ErrEmptyMask, have, from)
}

// channel are the cells as a model that was trained to inpaint sees them, 1 or 0.
func (a *area) channel() []float32 { return a.least(0.5) }

// free are the cells that change in a call where a share of the run is left, 1, and those
// that are put back, 0.
func (a *area) free(left float64) []float32 {
	return a.least(max(float32(left), math.SmallestNonzeroFloat32))
}

// least has 1 for cells of at least m, and 0 for others.
func (a *area) least(m float32) []float32 {
	if a.choice != MaskCellsSoft { // they are 0 and 1
		return a.cells
	}
	out := make([]float32, len(a.cells))
	for i, v := range a.cells {
		if v >= m {
			out[i] = 1
		}
	}
	return out
}

// painted says whether the mask repaints a pixel.
func (a *area) painted(x, y int) bool { return a.gray[y*a.width+x] >= repaintFrom }

// cell is the one that a pixel is in.
func (a *area) cell(x, y int) *float32 {
	factor := a.width / a.latentW
	return &a.cells[y/factor*a.latentW+x/factor]
}

// sampled says whether a pixel is the one at the upper left of its cell, which
// torch.nn.functional.interpolate takes.
func (a *area) sampled(x, y int) bool {
	factor := a.width / a.latentW
	return x%factor == 0 && y%factor == 0
}

// hide returns x [1 3 H W] with 0, a middle gray, where the model is to repaint:
// what an inpainting model with 9 channels sees of the image. With MaskCellsAny these
// are whole cells, so that it sees nothing of a cell that it is told to repaint and
// all of the others, as channel says; with MaskCellsSample the pixels of the mask, as in
// diffusers.
func (a *area) hide(ctx context.Context, x []float32) ([]float32, error) {
	out := make([]float32, len(x))
	for row := range len(x) / a.width {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := row % a.height
		for i := range a.width {
			hidden := a.painted(i, y)
			if a.choice != MaskCellsSample {
				hidden = *a.cell(i, y) >= 0.5
			}
			if !hidden {
				out[row*a.width+i] = x[row*a.width+i]
			}
		}
	}
	return out, nil
}
