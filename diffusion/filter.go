package diffusion

import "math"

// filter says how much a pixel counts at a distance, which is less than the support. A
// support of 0 takes the nearest pixel.
type filter struct {
	support float64
	weight  func(x float64) float64
}

// The filters of Pillow that image processors name.
var (
	lanczosFilter  = filter{3, lanczos}
	bicubicFilter  = filter{2, catmullRom}
	bilinearFilter = filter{1, triangle}
	nearestFilter  = filter{}
)

// lanczos is a sinc windowed to three lobes.
//
// Duchon (1979), Lanczos Filtering in One and Two Dimensions.
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

// catmullRom is Pillow's bicubic filter, Keys' with a = -0.5. The conversions keep
// compilers from fusing a product with a sum.
//
// Keys (1981), Cubic Convolution Interpolation for Digital Image Processing.
func catmullRom(x float64) float64 {
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
