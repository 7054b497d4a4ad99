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
	flipX := orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7
	flipY := orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8
	turned := orientation >= 5 // rows become columns
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if turned {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	line := make([]uint8, 4*w)
	for y := range h {
		if err := row(line, y); err != nil {
			return nil, err
		}
		at, step := y*out.Stride, 4 // of the first pixel, to the next one
		if flipY && !turned {
			at = (h - 1 - y) * out.Stride
		}
		if turned {
			if at, step = 4*y, out.Stride; flipX {
				at = 4 * (h - 1 - y)
			}
		}
		if flipX && !turned || flipY && turned {
			at, step = at+(w-1)*step, -step
		}
		for x := 0; x < len(line); x, at = x+4, at+step {
			copy(out.Pix[at:at+4], line[x:x+4])
		}
	}
	return out, nil
}
