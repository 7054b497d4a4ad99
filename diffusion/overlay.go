package diffusion

import (
	"context"
	"image"
)

// overlay puts the original back over a result where the mask [H W] is not 255, by
// the mask's value, as apply_overlay of diffusers' image processor does: black
// gives the bytes of the original, alpha included, white those of the result, and
// between them the two are mixed. It reads the original row by row as NRGBA.
func overlay(result *image.NRGBA, mask []uint8, original rows) error {
	row := make([]uint8, 4*original.width)
	for y := range original.height {
		if err := original.next(row); err != nil {
			return err
		}
		out := result.Pix[y*result.Stride:][:len(row)]
		for x, m := range mask[y*original.width:][:original.width] {
			switch m {
			case 255:
			case 0:
				copy(out[4*x:], row[4*x:][:4])
			default:
				for c := range 4 {
					out[4*x+c] = mix(out[4*x+c], row[4*x+c], 255-m)
				}
			}
		}
	}
	return nil
}

// mix returns over laid on under with an opacity of 1 to 254, in the steps of
// Pillow: premultiplied, which rounds to 8 bits, divided again, and composed with
// 7 bits more.
func mix(under, over, opacity uint8) uint8 {
	const bits = 7
	a := uint32(opacity)
	premultiplied := div255(uint32(over)*a + 128)
	straight := min(255*premultiplied/a, 255)
	weight := a << bits
	sum := straight*weight + uint32(under)*(255<<bits-weight)
	return uint8(div255(sum+128<<bits) >> bits)
}

// div255 is v/255 for v below 2^24, as Pillow computes it.
func div255(v uint32) uint32 { return (v>>8 + v) >> 8 }

// opaque returns an image [H W 3] as rows of NRGBA.
func (p pixels) opaque(ctx context.Context) rows {
	y := 0
	return rows{p.width, p.height, 4, func(dst []uint8) error {
		row := p.pix[3*y*p.width:][:3*p.width]
		y++
		for i := range p.width {
			dst[4*i], dst[4*i+1], dst[4*i+2], dst[4*i+3] = row[3*i], row[3*i+1], row[3*i+2], 255
		}
		return ctx.Err()
	}}
}
