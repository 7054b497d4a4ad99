package imagefile

import "image"

// colors is a picture whose colors are stored at a lower resolution than its
// brightness. The image package repeats a color for all its pixels; libjpeg and
// libwebp, and so Pillow, weigh the four that are nearest, and WebP's brightness
// has another range. The rows have their bytes.
type colors struct {
	*image.YCbCr
	alpha       []uint8 // nil for opaque
	alphaStride int
	chroma      func(dst []uint8, p *plane, y int)
	rgb         func(y, cb, cr int32) (r, g, b int32) // to be clamped
}

func (c *colors) picture() *Picture {
	w, h := c.Rect.Dx(), c.Rect.Dy()
	blue, red := newPlane(c.Cb, c.CStride, w, h, c.SubsampleRatio), newPlane(c.Cr, c.CStride, w, h, c.SubsampleRatio)
	cb, cr := make([]uint8, w), make([]uint8, w)
	return &Picture{Width: w, Height: h, Row: func(dst []uint8, y int) {
		c.chroma(cb, blue, y)
		c.chroma(cr, red, y)
		for x, luma := range c.Y[y*c.YStride:][:w] {
			r, g, b := c.rgb(int32(luma), int32(cb[x]), int32(cr[x]))
			dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = clamp(r), clamp(g), clamp(b), 255
		}
		if c.alpha == nil {
			return
		}
		for x, a := range c.alpha[y*c.alphaStride:][:w] {
			dst[4*x+3] = a
		}
	}}
}

func clamp(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

// jpegRGB is the conversion of JFIF in the fixed point of libjpeg.
func jpegRGB(y, cb, cr int32) (r, g, b int32) {
	const half = 1 << 15
	cb -= 128
	cr -= 128
	return y + (91881*cr+half)>>16, y + (-22554*cb-46802*cr+half)>>16, y + (116130*cb+half)>>16
}

// webpRGB is the conversion of ITU-R BT.601 with brightness from 16 to 235, in the
// fixed point of libwebp.
func webpRGB(y, u, v int32) (r, g, b int32) {
	y = y * 19077 >> 8
	r = y + v*26149>>8 - 14234
	g = y - u*6419>>8 - v*13320>>8 + 8708
	b = y + u*33050>>8 - 17685
	return r >> 6, g >> 6, b >> 6
}

// plane is one of the two color planes of a picture, each of its values for
// across × down pixels.
type plane struct {
	pix                   []uint8
	stride, width, height int
	across, down          int
}

func newPlane(pix []uint8, stride, w, h int, ratio image.YCbCrSubsampleRatio) *plane {
	p := &plane{pix: pix, stride: stride, across: 1, down: 1}
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		p.across = 2
	case image.YCbCrSubsampleRatio420:
		p.across, p.down = 2, 2
	case image.YCbCrSubsampleRatio440:
		p.down = 2
	case image.YCbCrSubsampleRatio411:
		p.across = 4
	case image.YCbCrSubsampleRatio410:
		p.across, p.down = 4, 2
	}
	p.width, p.height = (w+p.across-1)/p.across, (h+p.down-1)/p.down
	return p
}

// row returns a row of the plane, the first or last for one outside.
func (p *plane) row(y int) []uint8 {
	return p.pix[min(max(y, 0), p.height-1)*p.stride:][:p.width]
}

// jpegChroma sets dst [W] to the colors of row y as libjpeg does: a value of half
// the resolution counts three quarters in the two pixels that it is nearest to, its
// neighbor on their other side a quarter, and likewise across the rows. Values for
// four pixels, and rows of one or two values, are repeated.
func jpegChroma(dst []uint8, p *plane, y int) {
	near := p.row(y / p.down)
	far := p.row(y/p.down - 1 + 2*(y%p.down)) // above for the upper row, below for the lower
	switch {
	case p.across == 2 && p.width > 2 && p.down == 2:
		jpegBoth(dst, near, far)
	case p.across == 2 && p.width > 2:
		last := p.width - 1
		for x := range dst {
			i := x / 2
			if x%2 == 0 {
				dst[x] = uint8((3*int(near[i]) + int(near[max(i-1, 0)]) + 1) >> 2)
			} else {
				dst[x] = uint8((3*int(near[i]) + int(near[min(i+1, last)]) + 2) >> 2)
			}
		}
	case p.across == 1 && p.down == 2:
		for x := range dst {
			dst[x] = uint8((3*int(near[x]) + int(far[x]) + 1 + y%2) >> 2)
		}
	default:
		for x := range dst {
			dst[x] = near[x/p.across]
		}
	}
}

// jpegBoth weighs values of half the resolution both ways.
func jpegBoth(dst, near, far []uint8) {
	sum := func(i int) int {
		i = min(max(i, 0), len(near)-1)
		return 3*int(near[i]) + int(far[i])
	}
	for x := range dst {
		i := x / 2
		if x%2 == 0 {
			dst[x] = uint8((3*sum(i) + sum(i-1) + 8) >> 4)
		} else {
			dst[x] = uint8((3*sum(i) + sum(i+1) + 7) >> 4)
		}
	}
}

// webpChroma sets dst [W] to the colors of row y as libwebp does: a pixel is nine
// sixteenths of the nearest value, three of each of the next two and one of the
// farthest, in two steps that round down.
func webpChroma(dst []uint8, p *plane, y int) {
	near, far := p.row(y/2), p.row(y/2-1+2*(y%2))
	last := p.width - 1
	for x := range dst {
		i := x / 2
		j := i - 1 + 2*(x%2) // the neighbor on the pixel's side
		if j < 0 || j > last {
			dst[x] = uint8((3*int(near[i]) + int(far[i]) + 2) >> 2)
			continue
		}
		n, nj, f, fj := int(near[i]), int(near[j]), int(far[i]), int(far[j])
		diagonal := (n + nj + f + fj + 8 + 2*(nj+f)) >> 3
		dst[x] = uint8((diagonal + n) >> 1)
	}
}

// cmykPicture converts the colors of print as Pillow does: without a profile.
func cmykPicture(img *image.CMYK) *Picture {
	return &Picture{Width: img.Rect.Dx(), Height: img.Rect.Dy(), Row: func(dst []uint8, y int) {
		row := img.Pix[y*img.Stride:][:len(dst)]
		for i := 0; i < len(row); i += 4 {
			light := 255 - int(row[i+3])
			for k := range 3 {
				v := int(row[i+k])*light + 128
				dst[i+k] = uint8(light - (v>>8+v)>>8)
			}
			dst[i+3] = 255
		}
	}}
}
