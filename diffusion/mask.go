package diffusion

import (
	"errors"
	"fmt"
	"image"
	"image/color"
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

// ErrEmptyMask says that a mask leaves nothing to repaint: it is black
// everywhere, or opaque everywhere in the mode MaskAlpha.
var ErrEmptyMask = errors.New("diffusion: mask: have no pixel to repaint")

// checkMask refuses what is no mask for img, which checkImage has passed.
func checkMask(mask, img image.Image, mode MaskMode) error {
	if mode != MaskLuminance && mode != MaskAlpha {
		return fmt.Errorf("diffusion: mask mode: have %d, want MaskLuminance or MaskAlpha", int(mode))
	}
	if err := checkImage("mask", mask); err != nil {
		return err
	}
	if have, want := mask.Bounds().Size(), img.Bounds().Size(); have != want {
		return fmt.Errorf("diffusion: mask: have %d×%d pixels, want the image's %d×%d", have.X, have.Y, want.X, want.Y)
	}
	return nil
}

// maskToTensor returns a mask as [1 1 H W], 1 where to repaint and 0 elsewhere,
// as the mask processor of diffusers does: resized if it has another size than
// width × height, then gray (ITU-R 601-2 luma), then 1 from a half on. It gives
// ErrEmptyMask if all are 0. checkMask must have passed.
func maskToTensor(mask image.Image, mode MaskMode, width, height int) ([]float32, error) {
	x := make([]float32, width*height)
	repaint := false
	for i, v := range maskPixels(mask, mode, width, height) {
		if v >= 128 { // v/255 >= 0.5
			x[i] = 1
			repaint = true
		}
	}
	if !repaint {
		return nil, ErrEmptyMask
	}
	return x, nil
}

// maskPixels returns the gray mask in the size, 255 where to repaint.
func maskPixels(mask image.Image, mode MaskMode, width, height int) []uint8 {
	gray := make([]uint8, width*height)
	if mode == MaskAlpha {
		b, at := mask.Bounds(), nrgbaAt(mask)
		p := newPixels(b.Dx(), b.Dy(), 1)
		for i := range p.pix {
			p.pix[i] = 255 - at(b.Min.X+i%p.width, b.Min.Y+i/p.width).A
		}
		copy(gray, resize(p, width, height).pix)
		return gray
	}
	p := resize(rgbPixels(mask), width, height)
	for i := range gray {
		gray[i] = luma(p.pix[3*i], p.pix[3*i+1], p.pix[3*i+2])
	}
	return gray
}

// luma is 0.299 R + 0.587 G + 0.114 B in the fixed point of Pillow.
func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 0x8000) >> 16)
}

// maskToLatents reduces a mask [1 1 H W] to [1 1 latentH latentW] by taking the
// nearest pixel to the upper left, as torch.nn.functional.interpolate does.
func maskToLatents(mask []float32, height, width, latentH, latentW int) []float32 {
	out := make([]float32, 0, latentH*latentW)
	for y := range latentH {
		row := mask[nearest(y, height, latentH)*width:][:width]
		for x := range latentW {
			out = append(out, row[nearest(x, width, latentW)])
		}
	}
	return out
}

// nearest returns the index among in values of the i-th of out values.
func nearest(i, in, out int) int {
	scale := float32(in) / float32(out)
	return min(int(float32(i)*scale), in-1)
}

// maskedImage returns x [1 3 H W] with 0, a middle gray, where mask [1 1 H W]
// is 1: what an inpainting model with 9 channels sees of the image.
func maskedImage(x, mask []float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		if mask[i%len(mask)] < 0.5 {
			out[i] = v
		}
	}
	return out
}

// keepOutsideMask copies the pixels of original to result wherever mask
// [1 1 H W] is 0, with a hard edge. If original has the size of result, the
// bytes are those of original, alpha included; otherwise those of the original
// after imageToTensor's resizing.
func keepOutsideMask(result *image.NRGBA, original image.Image, mask []float32) {
	w, h := result.Rect.Dx(), result.Rect.Dy()
	b := original.Bounds()
	at := nrgbaAt(original)
	if b.Dx() != w || b.Dy() != h {
		p := resize(rgbPixels(original), w, h)
		b = image.Rect(0, 0, w, h)
		at = func(x, y int) color.NRGBA {
			rgb := p.pix[3*(y*w+x):]
			return color.NRGBA{rgb[0], rgb[1], rgb[2], 255}
		}
	}
	for i, m := range mask {
		if x, y := i%w, i/w; m == 0 {
			result.SetNRGBA(result.Rect.Min.X+x, result.Rect.Min.Y+y, at(b.Min.X+x, b.Min.Y+y))
		}
	}
}
