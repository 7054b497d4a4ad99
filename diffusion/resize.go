package diffusion

import "math"

// pixels is an 8-bit image of one or more interleaved channels, [H W C].
type pixels struct {
	width, height, channels int
	pix                     []uint8
}

func newPixels(width, height, channels int) pixels {
	return pixels{width, height, channels, make([]uint8, width*height*channels)}
}

// resize returns p in another size, p itself if the size is the same. It is
// the Lanczos resampling of Pillow 13, bit for bit: a windowed sinc of three
// lobes, stretched when the image shrinks so that it covers three pixels of the
// result, along the rows and along the columns, in fixed point. Clipping between
// the two makes their order matter: columns go first if they lose more than
// twice the pixels that the rows lose (Pillow before 13 always began with rows).
//
// Duchon (1979), Lanczos Filtering in One and Two Dimensions.
func resize(p pixels, width, height int) pixels {
	if lost := p.height - height; lost > 0 && lost > 2*(p.width-width) {
		return resizeRows(resizeColumns(p, height), width)
	}
	return resizeColumns(resizeRows(p, width), height)
}

func resizeRows(p pixels, width int) pixels {
	if width == p.width {
		return p
	}
	taps := lanczosTaps(p.width, width)
	out := newPixels(width, p.height, p.channels)
	for y := range p.height {
		row := p.pix[y*p.width*p.channels:][:p.width*p.channels]
		for x, t := range taps {
			for c := range p.channels {
				sum := int32(tapRounding)
				for i, w := range t.weights {
					sum += w * int32(row[(t.first+i)*p.channels+c])
				}
				out.pix[(y*width+x)*p.channels+c] = clip8(sum)
			}
		}
	}
	return out
}

func resizeColumns(p pixels, height int) pixels {
	if height == p.height {
		return p
	}
	stride := p.width * p.channels
	out := newPixels(p.width, height, p.channels)
	sums := make([]int32, stride)
	for y, t := range lanczosTaps(p.height, height) {
		for i := range sums {
			sums[i] = tapRounding
		}
		for i, w := range t.weights {
			for j, v := range p.pix[(t.first+i)*stride:][:stride] {
				sums[j] += w * int32(v)
			}
		}
		for i, sum := range sums {
			out.pix[y*stride+i] = clip8(sum)
		}
	}
	return out
}

// taps are the weights of the pixels from first on that make one pixel of the
// result, in units of 2^-tapBits; they sum to one, nearly.
type taps struct {
	first   int
	weights []int32
}

// tapBits leaves 8 bits of an int32 to the pixel and 2 to negative lobes.
const (
	tapBits     = 32 - 8 - 2
	tapRounding = 1 << (tapBits - 1)
)

// lanczosTaps returns the taps of each of out pixels that replace in pixels.
// The conversions to float64 keep compilers from fusing a product with a sum,
// which would round otherwise than the reference.
func lanczosTaps(in, out int) []taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := 3 * stretch
	all := make([]taps, out)
	var weights []float64
	for i := range all {
		center := float64((float64(i) + 0.5) * scale)
		first := max(0, int(center-support+0.5))
		last := min(in, int(center+support+0.5))
		weights = weights[:0]
		total := 0.0
		for x := first; x < last; x++ {
			w := lanczos(float64((float64(x) - center + 0.5) * (1 / stretch)))
			weights = append(weights, w)
			total += w
		}
		fixed := make([]int32, len(weights))
		for j, w := range weights {
			if total != 0 {
				w /= total
			}
			fixed[j] = int32(math.Copysign(0.5, w) + float64(w*(1<<tapBits)))
		}
		all[i] = taps{first, fixed}
	}
	return all
}

func lanczos(x float64) float64 {
	if x < -3 || x >= 3 {
		return 0
	}
	return float64(sinc(x) * sinc(x/3))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// clip8 rounds a sum of taps to a pixel.
func clip8(sum int32) uint8 {
	return uint8(min(max(sum>>tapBits, 0), 255))
}
