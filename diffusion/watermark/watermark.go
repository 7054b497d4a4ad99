// Package watermark hides bits in pictures, where nobody sees them and programs read them:
// the method "dwtDct" of the Python package invisible-watermark, with which the first scripts for
// Stable Diffusion, and diffusers for Stable Diffusion XL, mark what they made. What is embedded here is read
// there, and the other way around.
//
// The bits stand one after the other, again and again, in blocks of 8×8 pixels of a channel
// of color: in the largest but the first of the 4×4 coefficients that a Haar transform makes of a block, whose
// distance from a multiple of 36 says 0 or 1. In some pictures not all can be read back, there or here, and what
// changes colors, such as JPEG, or moves pixels, mostly takes them away: a mark is for pictures that should not be
// taken for photographs, and no protection.
//
// https://github.com/ShieldMnt/invisible-watermark
package watermark

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
)

// Mark is the bits of a watermark, each '0' or '1', in their order.
type Mark string

// The marks of other programs.
var (
	// StableDiffusionV1 is that of the original scripts: the bytes "StableDiffusionV1", 136 bits.
	StableDiffusionV1 = Bytes([]byte("StableDiffusionV1"))

	// SDXL is that of Stability's code for Stable Diffusion XL, and of diffusers: 48 bits.
	SDXL Mark = "101100111110110010010000011110111011000110011110"
)

// Bytes returns the mark of bytes, their high bits first.
func Bytes(b []byte) Mark {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "%08b", c)
	}
	return Mark(s.String())
}

// Bytes returns the bytes of a mark; bits behind the last whole one are left out.
func (m Mark) Bytes() []byte {
	b := make([]byte, len(m)/8)
	for i := range b {
		for j := range 8 {
			b[i] = b[i]<<1 | m[8*i+j]&1
		}
	}
	return b
}

const (
	minPixels = 256 * 256 // that the reference wants a picture to have
	maxSide   = 1 << 16   // pixels
	side      = 8         // pixels of a block
	scale     = 36        // between two coefficients that say the same
)

// Check wants a mark of zeros and ones, and a picture of a size in which each of them has a
// block: 65,536 pixels, and 64 for each bit.
func (m Mark) Check(width, height int) error {
	for i, bit := range m {
		if bit != '0' && bit != '1' {
			return fmt.Errorf("watermark: have %q as bit %d, want 0 or 1", bit, i)
		}
	}
	return checkSize(len(m), width, height)
}

// checkSize wants a block for each bit.
func checkSize(bits, width, height int) error {
	if width < 0 || height < 0 || width > maxSide || height > maxSide || width*height < minPixels {
		return fmt.Errorf("watermark: have %d×%d pixels, want %d in all, and up to %d a side", width, height, minPixels, maxSide)
	}
	if blocks := width / side * (height / side); bits < 1 || bits > blocks {
		return fmt.Errorf("watermark: have %d bits, want 1 to %d, one for each 8×8 of %d×%d pixels", bits, blocks, width, height)
	}
	return nil
}

// Embed returns an image with a mark in it: the pixels that the reference makes of its own,
// but that it cuts off colors beyond the range, which overflow there. Transparency stays. The picture and the
// mark must pass [Mark.Check].
func Embed(img image.Image, m Mark) (_ *image.NRGBA, err error) {
	if img == nil {
		return nil, fmt.Errorf("watermark: have no image")
	}
	defer caught(&err)
	size := img.Bounds().Size()
	if err := m.Check(size.X, size.Y); err != nil {
		return nil, err
	}
	out := copied(img)
	y, u, v := toYUV(out)
	f := transform(u)
	f.each(func(i int, block []float64) {
		at := largest(block)
		bit := float64(m[i%len(m)] & 1)
		c := (floorDivide(math.Abs(block[at])) + 0.25 + 0.5*bit) * scale
		if block[at] < 0 {
			c = -c
		}
		block[at] = c
	})
	f.inverse(u)
	fromYUV(out, y, u, v)
	return out, nil
}

// Decode returns the bits that an image has if it is marked with so many, and how far its blocks
// agree on them, from 0 to 1. Blocks of a plain picture agree, too: what tells a mark is
// the bits.
func Decode(img image.Image, bits int) (m Mark, sure float64, err error) {
	if img == nil {
		return "", 0, fmt.Errorf("watermark: have no image")
	}
	defer caught(&err)
	size := img.Bounds().Size()
	if err := checkSize(bits, size.X, size.Y); err != nil {
		return "", 0, err
	}
	_, u, _ := toYUV(copied(img))
	ones, all := make([]float64, bits), make([]float64, bits)
	transform(u).each(func(i int, block []float64) {
		if math.Mod(math.Abs(block[largest(block)]), scale) > scale/2 {
			ones[i%bits]++
		}
		all[i%bits]++
	})
	decoded := make([]byte, bits)
	for i := range decoded {
		share := ones[i] / all[i]
		decoded[i] = '0'
		if share*255 > 127 {
			decoded[i] = '1'
		}
		sure += math.Abs(2*share-1) / float64(bits)
	}
	return Mark(decoded), sure, nil
}

// caught makes a panic of an image, which is code of the caller's, an error.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("watermark: the image panicked: %v", r)
	}
}

// copied is an image as NRGBA, from (0, 0) on.
func copied(img image.Image) *image.NRGBA {
	from := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
	for y := range from.Dy() {
		for x := range from.Dx() {
			out.SetNRGBA(x, y, color.NRGBAModel.Convert(img.At(from.Min.X+x, from.Min.Y+y)).(color.NRGBA))
		}
	}
	return out
}

// largest is the index of the largest coefficient but the first.
func largest(block []float64) int {
	at := 1
	for i, c := range block {
		if i > 0 && math.Abs(c) > math.Abs(block[at]) {
			at = i
		}
	}
	return at
}

// floorDivide is numpy's x // scale.
func floorDivide(x float64) float64 {
	div := (x - math.Mod(x, scale)) / scale
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor
}
