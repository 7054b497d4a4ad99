package diffusion

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"reflect"
)

// These bound the images that callers give.
const (
	maxImageSide   = 1 << 15
	maxImagePixels = 1 << 28
)

// source reads a caller's image row by row. An image is code of the caller's:
// what it panics with, and what it claims but does not have, becomes an error
// here and nowhere else.
type source struct {
	what          string // the image's name for errors
	img           image.Image
	origin        image.Point
	width, height int
	row           func(dst []uint8, y int) // sets dst [W 4] to NRGBA pixels
}

// newSource refuses what is no image; what is its name for the error.
func newSource(what string, img image.Image) (s *source, err error) {
	if img == nil {
		return nil, fmt.Errorf("diffusion: %s: have no image", what)
	}
	if v := reflect.ValueOf(img); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("diffusion: %s: have a nil %T", what, img)
	}
	s = &source{what: what, img: img}
	defer s.recover(&err)
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if err := checkBounds(b); err != nil {
		return nil, fmt.Errorf("diffusion: %s: %w", what, err)
	}
	if err := checkStorage(img, w, h); err != nil {
		return nil, fmt.Errorf("diffusion: %s: %w", what, err)
	}
	s.origin, s.width, s.height = b.Min, w, h
	s.row = s.rowReader()
	return s, nil
}

// checkBounds wants those of an image that is neither empty nor larger than any that is read.
func checkBounds(b image.Rectangle) error {
	w, h := b.Dx(), b.Dy()
	switch {
	case b.Min.X >= b.Max.X || b.Min.Y >= b.Max.Y:
		return fmt.Errorf("have an empty image, bounds %v", b)
	case w < 1 || h < 1 || w > maxImageSide || h > maxImageSide: // below 1 if the difference overflows
		return fmt.Errorf("have bounds %v, want sides up to %d pixels", b, maxImageSide)
	case w*h > maxImagePixels:
		return fmt.Errorf("have %d×%d pixels, want up to %d in all", w, h, maxImagePixels)
	}
	return nil
}

// recover turns a panic of the image into an error.
func (s *source) recover(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("diffusion: %s: a %T panicked: %v", s.what, s.img, r)
	}
}

// read sets dst [W 4] to row y as red, green, blue and alpha, not premultiplied.
func (s *source) read(ctx context.Context, dst []uint8, y int) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.recover(&err)
	s.row(dst, y)
	return nil
}

// checkStorage refuses an image of the standard library that has fewer pixels than
// its bounds say.
func checkStorage(img image.Image, w, h int) error {
	plane := func(name string, pix []uint8, stride, w, h int) error {
		switch {
		case h > 1 && (stride < w || stride > len(pix)):
			return fmt.Errorf("have a %T with a stride of %d bytes, want at least %d and no more than its %s of %d bytes", img, stride, w, name, len(pix))
		case len(pix) < (h-1)*stride+w:
			return fmt.Errorf("have a %T with a %s of %d bytes, want %d", img, name, len(pix), (h-1)*stride+w)
		}
		return nil
	}
	switch img := img.(type) {
	case *image.NRGBA:
		return plane("Pix", img.Pix, img.Stride, 4*w, h)
	case *image.RGBA:
		return plane("Pix", img.Pix, img.Stride, 4*w, h)
	case *image.NRGBA64:
		return plane("Pix", img.Pix, img.Stride, 8*w, h)
	case *image.RGBA64:
		return plane("Pix", img.Pix, img.Stride, 8*w, h)
	case *image.CMYK:
		return plane("Pix", img.Pix, img.Stride, 4*w, h)
	case *image.Gray:
		return plane("Pix", img.Pix, img.Stride, w, h)
	case *image.Gray16:
		return plane("Pix", img.Pix, img.Stride, 2*w, h)
	case *image.Alpha:
		return plane("Pix", img.Pix, img.Stride, w, h)
	case *image.Alpha16:
		return plane("Pix", img.Pix, img.Stride, 2*w, h)
	case *image.Paletted:
		if len(img.Palette) == 0 {
			return fmt.Errorf("have a %T without a palette", img)
		}
		return plane("Pix", img.Pix, img.Stride, w, h)
	case *image.YCbCr:
		return plane("Y", img.Y, img.YStride, w, h)
	case *image.NYCbCrA:
		if err := plane("A", img.A, img.AStride, w, h); err != nil {
			return err
		}
		return plane("Y", img.Y, img.YStride, w, h)
	}
	return nil
}

// rowReader returns what reads a row. Colors that are stored without
// premultiplication keep their bytes, even at alpha 0.
func (s *source) rowReader() func(dst []uint8, y int) {
	x0, y0 := s.origin.X, s.origin.Y
	switch img := s.img.(type) {
	case *image.NRGBA:
		return func(dst []uint8, y int) { copy(dst, img.Pix[y*img.Stride:]) }
	case *image.RGBA:
		return func(dst []uint8, y int) {
			copy(dst, img.Pix[y*img.Stride:])
			for i := 3; i < len(dst); i += 4 {
				if dst[i] != 255 {
					put(dst[i-3:], color.RGBA{dst[i-3], dst[i-2], dst[i-1], dst[i]})
				}
			}
		}
	case *image.YCbCr:
		return func(dst []uint8, y int) {
			for x := range len(dst) / 4 {
				c := img.YCbCrAt(x0+x, y0+y)
				r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
				dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = r, g, b, 255
			}
		}
	case *image.Gray:
		return func(dst []uint8, y int) {
			for x, v := range img.Pix[y*img.Stride:][:len(dst)/4] {
				dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = v, v, v, 255
			}
		}
	case *image.Paletted:
		palette := make([]uint8, 4*len(img.Palette))
		for i, c := range img.Palette {
			put(palette[4*i:], c)
		}
		return func(dst []uint8, y int) {
			for x, v := range img.Pix[y*img.Stride:][:len(dst)/4] {
				copy(dst[4*x:], palette[4*int(v):][:4])
			}
		}
	}
	return func(dst []uint8, y int) {
		for x := range len(dst) / 4 {
			put(dst[4*x:], s.img.At(x0+x, y0+y))
		}
	}
}

// put sets dst to a color that is not premultiplied.
func put(dst []uint8, c color.Color) {
	var v color.NRGBA
	switch c := c.(type) {
	case color.NRGBA:
		v = c
	case color.NRGBA64:
		v = color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), uint8(c.A >> 8)}
	case color.NYCbCrA:
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		v = color.NRGBA{r, g, b, c.A}
	case color.RGBA:
		if v = color.NRGBA(c); c.A != 255 {
			v = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
	default:
		v = color.NRGBAModel.Convert(c).(color.NRGBA)
	}
	dst[0], dst[1], dst[2], dst[3] = v.R, v.G, v.B, v.A
}

// rgb returns red, green and blue as they are stored: transparency is ignored,
// as Pillow's convert("RGB") does.
func (s *source) rgb(ctx context.Context) rows {
	return s.rows(ctx, 3, func(dst, row []uint8) {
		for i, j := 0, 0; i < len(dst); i, j = i+3, j+4 {
			dst[i], dst[i+1], dst[i+2] = row[j], row[j+1], row[j+2]
		}
	})
}

// transparency returns 255 where the image is transparent, 0 where it is opaque.
func (s *source) transparency(ctx context.Context) rows {
	return s.rows(ctx, 1, func(dst, row []uint8) {
		for i := range dst {
			dst[i] = 255 - row[4*i+3]
		}
	})
}

// nrgba returns the pixels with their transparency.
func (s *source) nrgba(ctx context.Context) rows {
	return s.rows(ctx, 4, func(dst, row []uint8) { copy(dst, row) })
}

// rows returns the channels that pick takes from each row of NRGBA pixels.
func (s *source) rows(ctx context.Context, channels int, pick func(dst, row []uint8)) rows {
	row, y := make([]uint8, 4*s.width), 0
	return rows{s.width, s.height, channels, func(dst []uint8) error {
		if err := s.read(ctx, row, y); err != nil {
			return err
		}
		y++
		pick(dst, row)
		return nil
	}}
}

// resizing is about how many bytes it takes to read the image in another size: a row,
// and as many as make one of the result, see resize.
func (s *source) resizing(width, height int) int64 {
	kept := int64(6*(s.height/height+1)) + 1
	return int64(s.width)*8 + min(kept, int64(s.height)+1)*int64(max(s.width, width))*4
}
