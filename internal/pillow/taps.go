// Package pillow does to pictures of 8 bits what Pillow 13 does, bit for bit: it resizes them by
// a filter, stretched when the picture shrinks, in fixed point, blurs them, and makes them
// gray.
package pillow

import "math"

// Taps are the weights of the pixels from First on that make one pixel of the result, in
// units of 2^-Bits; they sum to one, nearly.
type Taps struct {
	First   int
	Weights []int32
}

// Bits leaves 8 bits of an int32 to the pixel and 2 to negative lobes. A sum of taps begins
// with Rounding.
const (
	Bits     = 32 - 8 - 2
	Rounding = 1 << (Bits - 1)
)

// Filter says how much a pixel counts at a distance, which is less than the support. A
// support of 0 takes the nearest pixel.
type Filter struct {
	Support float64
	Weight  func(x float64) float64
}

// Lanczos is a sinc windowed to three lobes (Duchon 1979, Lanczos Filtering in One and Two
// Dimensions), Bicubic Keys' with a = -0.5 (Keys 1981, Cubic Convolution Interpolation for
// Digital Image Processing), Bilinear a triangle, and Nearest the pixel
// in the middle.
var (
	Lanczos  = Filter{3, lanczos}
	Bicubic  = Filter{2, bicubic}
	Bilinear = Filter{1, triangle}
	Nearest  = Filter{}
)

// Of returns the taps of each of out pixels that replace in pixels.
// The conversions to float64 keep compilers from fusing a product with a sum,
// which would round otherwise than the reference.
func (f Filter) Of(in, out int) []Taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := f.Support * stretch
	all := make([]Taps, out)
	if f.Support == 0 {
		at := scale / 2 // Pillow adds up
		for i := range all {
			all[i] = Taps{min(int(at), in-1), []int32{1 << Bits}}
			at += scale
		}
		return all
	}
	var weights []float64
	for i := range all {
		center := float64((float64(i) + 0.5) * scale)
		first := max(0, int(center-support+0.5))
		last := min(in, int(center+support+0.5))
		weights = weights[:0]
		total := 0.0
		for x := first; x < last; x++ {
			w := f.Weight(float64((float64(x) - center + 0.5) * (1 / stretch)))
			weights = append(weights, w)
			total += w
		}
		fixed := make([]int32, len(weights))
		for j, w := range weights {
			if total != 0 {
				w /= total
			}
			fixed[j] = int32(math.Copysign(0.5, w) + float64(w*(1<<Bits)))
		}
		all[i] = Taps{first, fixed}
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

// bicubic is rounded by conversions that keep compilers from fusing a product with a sum.
func bicubic(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return float64(float64(float64((a+2)*x)-(a+3))*x*x) + 1
	case x < 2:
		return float64(float64(float64(float64(float64((x-5)*x)+8)*x)-4) * a)
	}
	return 0
}

func triangle(x float64) float64 { return max(1-math.Abs(x), 0) }

// Clip8 rounds a sum of taps to a pixel.
func Clip8(sum int32) uint8 { return uint8(min(max(sum>>Bits, 0), 255)) }
