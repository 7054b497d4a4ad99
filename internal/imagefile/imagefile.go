// Package imagefile reads picture files as Pillow does: the formats, the way up that
// a file asks for, and colors that are stored at half resolution.
package imagefile

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
)

// Limits of what is read: a header of a few bytes can ask for any size, and a
// device never ends.
const (
	MaxBytes  = 1 << 28
	MaxPixels = 1 << 27
	MaxSide   = 1 << 15
)

// Picture is what a file shows. Of an animation it is the first image.
type Picture struct {
	// Image is the picture as it is stored, of a type of the image package. It is
	// nil if the colors have to be computed: Row does that.
	Image image.Image

	// Row sets dst [Width 4] to row y, from 0 on, as red, green, blue and alpha, not
	// premultiplied. One goroutine may call it at a time. It is nil if Image is not.
	Row           func(dst []uint8, y int)
	Width, Height int

	// Orientation is the way up that the file asks for, 1 to 8 as in EXIF.
	Orientation int
}

// Decode reads a picture.
func Decode(r io.Reader) (*Picture, error) { return decode(r, MaxBytes) }

func decode(r io.Reader, limit int) (*Picture, error) {
	head := make([]byte, 64)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	f, err := sniff(head)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(head), r), int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, fmt.Errorf("have more than %d bytes, want up to that", limit)
	}
	p, err := f.read(data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: have %d bytes, want more: the picture is not at its end", f.name, len(data))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	p.Orientation = orientationOf(f.metadata(data))
	return p, nil
}

// read decodes the data. A decoder that panics gives an error.
func (f *format) read(data []byte) (p *Picture, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder panicked: %v", r)
		}
	}()
	c, err := f.config(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > MaxSide || c.Height > MaxSide || c.Width > MaxPixels/c.Height {
		return nil, fmt.Errorf("have %d×%d pixels, want up to %d in all and %d a side", c.Width, c.Height, MaxPixels, MaxSide)
	}
	return f.decode(data)
}

// nrgba returns the picture's pixels, computed if need be.
func (p *Picture) nrgba() image.Image {
	if p.Image != nil {
		return p.Image
	}
	img := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for y := range p.Height {
		p.Row(img.Pix[y*img.Stride:][:4*p.Width], y)
	}
	return img
}
