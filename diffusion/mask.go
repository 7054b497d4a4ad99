package diffusion

import (
	"context"
	"fmt"
)

// MaskMode says which pixels of a mask image are to be repainted.
type MaskMode int

const (
	// MaskLuminance repaints where the mask is white, from luminance 128 on,
	// and ignores its transparency, as diffusers does. It is the default.
	MaskLuminance MaskMode = iota

	// MaskAlpha repaints where the mask is transparent, up to alpha 127, and
	// ignores its color, as image editors in the web do.
	MaskAlpha
)

// String returns "luminance" or "alpha".
func (m MaskMode) String() string {
	switch m {
	case MaskLuminance:
		return "luminance"
	case MaskAlpha:
		return "alpha"
	}
	return fmt.Sprintf("MaskMode(%d)", int(m))
}

// MaskCells says which cells of the latents a mask repaints. A cell is 8×8 pixels
// (in general a square of the VAE's factor).
type MaskCells int

const (
	// MaskCellsAny repaints a cell if any of its pixels is to be repainted, so that
	// thin lines and small spots have an effect. It is the default.
	MaskCellsAny MaskCells = iota

	// MaskCellsSample repaints a cell if its pixel at the upper left is to be
	// repainted, and does not look at the others: one pixel in 64. So does diffusers;
	// it is for results that equal its.
	MaskCellsSample
)

// String returns "any" or "sample".
func (m MaskCells) String() string {
	switch m {
	case MaskCellsAny:
		return "any"
	case MaskCellsSample:
		return "sample"
	}
	return fmt.Sprintf("MaskCells(%d)", int(m))
}

// checkMask refuses unknown settings of the mask.
func (o *Options) checkMask() error {
	if o.Mask != MaskLuminance && o.Mask != MaskAlpha {
		return badOption("Mask", "have mode %d, want MaskLuminance or MaskAlpha", int(o.Mask))
	}
	if o.MaskCells != MaskCellsAny && o.MaskCells != MaskCellsSample {
		return badOption("MaskCells", "have %d, want MaskCellsAny or MaskCellsSample", int(o.MaskCells))
	}
	return nil
}

// readMask returns the mask as gray [H W], 255 where to repaint and 0 where not, as
// the mask processor of diffusers does: resized if it has another size than
// width × height, then gray (ITU-R 601-2 luma).
func readMask(ctx context.Context, mask *source, mode MaskMode, width, height int) ([]uint8, error) {
	if mode == MaskAlpha {
		p, err := resize(ctx, mask.transparency(ctx), width, height).collect()
		return p.pix, err
	}
	rgb := resize(ctx, mask.rgb(ctx), width, height)
	row := make([]uint8, 3*width)
	p, err := rows{width, height, 1, func(dst []uint8) error {
		if err := rgb.next(row); err != nil {
			return err
		}
		for i := range dst {
			dst[i] = luma(row[3*i], row[3*i+1], row[3*i+2])
		}
		return nil
	}}.collect()
	return p.pix, err
}

// luma is 0.299 R + 0.587 G + 0.114 B in the fixed point of Pillow.
func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 0x8000) >> 16)
}
