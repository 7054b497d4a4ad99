package optest

import (
	"math"
	"math/cmplx"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// spatial is the part of the table with filters of images that have no weights.
func spatial() []Case {
	low := func(factor float64) func([]*G.Node) (*G.Node, error) {
		return func(in []*G.Node) (*G.Node, error) { return op.ScaleLow(in[0], factor) }
	}
	blur := func(h, w int, sigma float64) func([]*G.Node) (*G.Node, error) {
		return func(in []*G.Node) (*G.Node, error) { return op.Blur(in[0], h, w, sigma) }
	}
	return []Case{
		{"scale low frequencies", [][]int{{2, 4, 6, 3}}, nil, low(0.3), refScaleLow(4, 6, 3, 0.3)},
		{"scale low frequencies, odd sides", [][]int{{1, 5, 3, tail}}, nil, low(1.7), refScaleLow(5, 3, tail, 1.7)},
		{"scale low frequencies, small sides", [][]int{{2, 1, 2, 3}}, nil, low(0.5), refScaleLow(1, 2, 3, 0.5)},
		{"scale first", [][]int{{3, tail}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.ScaleFirst(in[0], 20, 1.5) },
			refEach(func(in [][]float64, i int) float64 {
				if i%tail < 20 {
					return 1.5 * in[0][i]
				}
				return in[0][i]
			})},
		{"blur", [][]int{{2, 30, 3}}, nil, blur(5, 6, 0.6), refBlur(5, 6, 3, 0.6)},
		{"blur, as far as the image", [][]int{{1, 12, 2}}, nil, blur(3, 4, 20), refBlur(3, 4, 2, 20)},
		{"blur, infinite", [][]int{{2, 6, 5}}, nil, blur(3, 2, math.Inf(1)), refBlur(3, 2, 5, math.Inf(1))},
	}
}

// refScaleLow is diffusers' fourier_filter with a threshold of 1: a transform whose
// frequency 0 lies in the middle, n/2, and there and one before it is scaled.
func refScaleLow(h, w, c int, factor float64) func([][]float64) []float64 {
	wave := func(k, at, n int) float64 { return 2 * math.Pi * float64(k*at) / float64(n) }
	return func(a [][]float64) []float64 {
		y := make([]float64, len(a[0]))
		for image := 0; image < len(y); image += h * w * c {
			for ch := range c {
				for k := range h * w { // the frequency, counted from −n/2
					ky, kx := k/w-h/2, k%w-w/2
					var sum complex128
					for p := range h * w {
						sum += cmplx.Rect(a[0][image+p*c+ch], -wave(ky, p/w, h)-wave(kx, p%w, w))
					}
					if (ky == -1 || ky == 0) && (kx == -1 || kx == 0) {
						sum *= complex(factor, 0)
					}
					for p := range h * w {
						y[image+p*c+ch] += real(sum*cmplx.Rect(1, wave(ky, p/w, h)+wave(kx, p%w, w))) / float64(h*w)
					}
				}
			}
		}
		return y
	}
}

// refBlur is the Gaussian filter of the authors of smoothed-energy guidance, in two
// dimensions at once, or the mean.
func refBlur(h, w, c int, sigma float64) func([][]float64) []float64 {
	mirrored := func(i, n int) int {
		if i < 0 {
			i = -i
		}
		if i >= n {
			i = 2*n - 2 - i
		}
		return i
	}
	half := func(n int) int { // of the filter
		if m := math.Ceil(6 * sigma); m < float64(n) {
			return int(m) / 2
		}
		return n / 2
	}
	return func(a [][]float64) []float64 {
		y := make([]float64, len(a[0]))
		for i := range y {
			image, p, ch := i/(h*w*c)*h*w, i/c%(h*w), i%c
			sum, total := 0.0, 0.0
			if math.IsInf(sigma, 1) {
				for q := range h * w {
					sum, total = sum+a[0][(image+q)*c+ch], total+1
				}
				y[i] = sum / total
				continue
			}
			for dy := -half(h); dy <= half(h); dy++ {
				for dx := -half(w); dx <= half(w); dx++ {
					weight := math.Exp(-0.5 * float64(dy*dy+dx*dx) / sigma / sigma)
					q := mirrored(p/w+dy, h)*w + mirrored(p%w+dx, w)
					sum, total = sum+weight*a[0][(image+q)*c+ch], total+weight
				}
			}
			y[i] = sum / total
		}
		return y
	}
}
