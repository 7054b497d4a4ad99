package diffusion

import (
	"context"
	"fmt"

	"sdgo/internal/pillow"
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

	// MaskCellsSoft makes a mask's value a strength: a cell whose pixels have the mean m,
	// of 0 for black to 1 for white, is repainted in the last part m of the run, and put
	// back with noise before that (Levin and Fried 2023, Differential Diffusion). At noise
	// level σ it is put back if
	//
	//	m = 0 or m < (t(σ) − t(last)) / (t(first) − t(last))
	//
	// with t the model's time and first and last those of the run's calls, as in ComfyUI
	// where the last call is at the model's lowest level. So a feathered mask leaves no seam; one of black and white is as with
	// MaskCellsAny. A model that was trained to inpaint sees m of a half and more as the
	// mask.
	//
	// https://arxiv.org/abs/2306.00950
	MaskCellsSoft
)

// String returns "any", "sample" or "soft".
func (m MaskCells) String() string {
	switch m {
	case MaskCellsAny:
		return "any"
	case MaskCellsSample:
		return "sample"
	case MaskCellsSoft:
		return "soft"
	}
	return fmt.Sprintf("MaskCells(%d)", int(m))
}

// checkMask refuses unknown settings of the mask.
func (o *Options) checkMask() error {
	if o.Mask != MaskLuminance && o.Mask != MaskAlpha {
		return badOption("Mask", "have mode %d, want MaskLuminance or MaskAlpha", int(o.Mask))
	}
	if o.MaskCells < MaskCellsAny || o.MaskCells > MaskCellsSoft {
		return badOption("MaskCells", "have %d, want MaskCellsAny, MaskCellsSample or MaskCellsSoft", int(o.MaskCells))
	}
	if !(o.MaskBlur >= 0 && o.MaskBlur <= maxBlur) {
		return badOption("MaskBlur", "have %v, want 0 to %d pixels", o.MaskBlur, maxBlur)
	}
	if o.MaskPadding < 0 || o.MaskPadding > maxImageSide {
		return badOption("MaskPadding", "have %d, want 1 to %d pixels, or 0 for the whole image", o.MaskPadding, maxImageSide)
	}
	return nil
}

// maxBlur is the most by which a mask is blurred.
const maxBlur = 1024

// readBlurred is readMask of the mask that the options ask for, blurred.
func (o *Options) readBlurred(ctx context.Context, mask *source, width, height int) ([]uint8, error) {
	gray, err := readMask(ctx, mask, o.Mask, width, height)
	if err != nil {
		return nil, err
	}
	p, err := pixels{width, height, 1, gray}.blur(ctx, o.MaskBlur)
	return p.pix, err
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
			dst[i] = pillow.Luma(row[3*i], row[3*i+1], row[3*i+2])
		}
		return nil
	}}.collect()
	return p.pix, err
}
