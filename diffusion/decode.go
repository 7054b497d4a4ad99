package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"

	"sdgo/internal/imagefile"
)

// DecodeImage reads a picture the right way up: a PNG, JPEG, GIF, WebP, BMP or TIFF
// file of at most 2^28 bytes and 2^27 pixels, 32768 a side, turned as its EXIF or XMP
// metadata asks for, as cameras do that store a photo lying on its side. Of an animation
// it reads the first image. Pixels are those that diffusers.utils.load_image gives, of
// JPEG within three levels; transparency is kept, and gray of 16 bits is not clipped.
//
// The error for another format says which are read and what was found. It reads no
// more than 64 bytes of what is no picture. The result is of a type of package image,
// and fit for the calls that take one, which do not turn images.
func DecodeImage(r io.Reader) (image.Image, error) {
	if r == nil {
		return nil, errors.New("diffusion: image: have no reader")
	}
	p, err := imagefile.Decode(r)
	if err != nil {
		return nil, fmt.Errorf("diffusion: image: %w", err)
	}
	if p.Image != nil {
		return OrientImage(p.Image, p.Orientation)
	}
	img, err := imagefile.Turn(p.Width, p.Height, p.Orientation, func(dst []uint8, y int) error {
		p.Row(dst, y)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("diffusion: image: %w", err)
	}
	return img, nil
}

// OrientImage turns an image that another decoder read, whose orientation is known:
// 1 to 8 as in EXIF, where 1 is upright, 3 upside down, 6 and 8 lying on a side, and
// 2, 4, 5 and 7 mirrored. Zero is for unknown and means 1. The result is img itself,
// or an *image.NRGBA.
func OrientImage(img image.Image, orientation int) (image.Image, error) {
	if orientation < 0 || orientation > 8 {
		return nil, fmt.Errorf("diffusion: orientation: have %d, want 1 to 8", orientation)
	}
	src, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	if orientation <= 1 {
		return img, nil
	}
	out, err := imagefile.Turn(src.width, src.height, orientation, func(dst []uint8, y int) error {
		return src.read(context.Background(), dst, y)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
