package imagefile

import "image"

// Turn returns a picture of w×h pixels the right way up. Orientation is as in EXIF:
// where the first row and the first column of what is stored belong.
//
//	1 top, left      5 left, top
//	2 top, right     6 right, top
//	3 bottom, right  7 right, bottom
//	4 bottom, left   8 left, bottom
//
// It calls row once for each row, from the top, which sets dst [w 4] to NRGBA pixels.
func Turn(w, h, orientation int, row func(dst []uint8, y int) error) (*image.NRGBA, error) {
	out, block := image.NewNRGBA(image.Rect(0, 0, w, h)), 1
	stepX, stepY := 4, out.Stride // from the bytes of a stored pixel to those of the next, and of the one below
	if orientation >= 5 {
		out, block = image.NewNRGBA(image.Rect(0, 0, h, w)), 16 // rows that make a cache line of each column
		stepX, stepY = out.Stride, 4
	}
	first := 0
	switch orientation {
	case 2, 3, 7, 8:
		first, stepX = first+(w-1)*stepX, -stepX
	}
	switch orientation {
	case 3, 4, 6, 7:
		first, stepY = first+(h-1)*stepY, -stepY
	}
	if stepX == 4 { // rows stay as they are
		for y := range h {
			if err := row(out.Pix[first+y*stepY:][:4*w], y); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	lines := make([]uint8, 4*w*block)
	for top := 0; top < h; top += block {
		n := min(block, h-top)
		for i := range n {
			if err := row(lines[4*w*i:][:4*w], top+i); err != nil {
				return nil, err
			}
		}
		for x := range w {
			at := first + x*stepX + top*stepY
			for i := range n {
				copy(out.Pix[at:at+4], lines[4*(w*i+x):][:4])
				at += stepY
			}
		}
	}
	return out, nil
}
