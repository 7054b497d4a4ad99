package watermark

import "image"

// plane is a channel of a picture [h w].
type plane struct {
	pix  []uint8
	w, h int
}

// Coefficients of OpenCV's conversions of 8 bits between BGR and YUV, in units of 2^-shift.
const (
	shift  = 14
	half   = 1 << (shift - 1)
	middle = 128

	fromR, fromG, fromB = 4899, 9617, 1868
	uOfB, vOfR          = 8061, 14369
	rOfV, gOfV          = 18678, -9519
	gOfU, bOfU          = -6472, 33292
)

// toYUV returns the brightness and the two channels of color of a picture.
func toYUV(img *image.NRGBA) (y, u, v plane) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	y, u, v = plane{make([]uint8, w*h), w, h}, plane{make([]uint8, w*h), w, h}, plane{make([]uint8, w*h), w, h}
	for i := range w * h {
		r, g, b := int(img.Pix[4*i]), int(img.Pix[4*i+1]), int(img.Pix[4*i+2])
		light := rounded(r*fromR + g*fromG + b*fromB)
		y.pix[i] = clipped(light)
		u.pix[i] = clipped(rounded((b-light)*uOfB + middle<<shift))
		v.pix[i] = clipped(rounded((r-light)*vOfR + middle<<shift))
	}
	return y, u, v
}

// fromYUV sets the colors of a picture.
func fromYUV(img *image.NRGBA, y, u, v plane) {
	for i, light := range y.pix {
		du, dv := int(u.pix[i])-middle, int(v.pix[i])-middle
		img.Pix[4*i] = clipped(int(light) + rounded(dv*rOfV))
		img.Pix[4*i+1] = clipped(int(light) + rounded(du*gOfU+dv*gOfV))
		img.Pix[4*i+2] = clipped(int(light) + rounded(du*bOfU))
	}
}

func rounded(x int) int { return (x + half) >> shift }

func clipped(x int) uint8 { return uint8(max(0, min(255, x))) }
