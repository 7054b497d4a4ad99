package device

import "math"

// Average halves x [n h w c] to [n outH outW c]: each pixel is the mean of two by two, or of
// those of them that there are.
func Average(t Target, out, x Ptr, n, h, w, c, outH, outW int) []Launch {
	return each("average", t, n*outH*outW*c, n*(h*w+outH*outW)*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: x, out: out, x: uint32(h), y: uint32(w), z: uint32(c / v), w: uint32(outH), s: uint32(outW)}
	})
}

// A Gaussian is a filter of n places, which are mirrored at the first and the last. With an
// infinite Sigma each is the mean of all.
type Gaussian struct {
	N, Half int     // places, and how many it reaches to each side
	Sigma   float64 // its deviation, in places
}

// Blur applies the filter to x [rows n inner].
func (g Gaussian) Blur(t Target, out, x Ptr, rows, inner int) []Launch {
	args := eachArgs{a: x, out: out, y: uint32(g.N), z: uint32(g.Half)}
	sum, factor := float64(g.N), 0.0
	if args.act = 1; !math.IsInf(g.Sigma, 1) {
		args.act, sum, factor = 0, 0, -0.5*math.Log2E/(g.Sigma*g.Sigma)
		for i := -g.Half; i <= g.Half; i++ {
			sum += math.Exp2(factor * float64(i*i))
		}
	}
	args.w, args.s = math.Float32bits(float32(factor)), math.Float32bits(float32(1/sum))
	n := rows * g.N * inner
	return each("blur", t, n, 2*n, []int{inner}, func(v int) eachArgs {
		args.x = uint32(inner / v)
		return args
	})
}

// SumPixels maps x [n pixels c] to [n c], the sums over pixels times a factor.
func SumPixels(t Target, out, x Ptr, n, pixels, c int, factor float32) []Launch {
	args := eachArgs{a: x, out: out, x: uint32(c), y: uint32(pixels), z: 1, w: math.Float32bits(factor)}
	return []Launch{launch("sum_pixels", t.Type, [3]int{ceil(c, 32), n, 1}, 0, args).moves(n * (pixels + 1) * c * t.Type.Size())}
}

// lowWaves are those that make up the lowest frequencies of an image.
const lowWaves = 7

// ScaleLowWork is the bytes of scratch of ScaleLow.
func ScaleLowWork(n, c int) int { return 4 * n * lowWaves * c }

// ScaleLow multiplies the lowest frequencies of images x [n h w c] by a factor, as
// kernel.ScaleLow does.
func ScaleLow(t Target, out, x, work Ptr, n, h, w, c int, factor float64) []Launch {
	share := float32((factor - 1) / float64(h*w))
	args := eachArgs{a: x, out: work, x: uint32(c), y: uint32(h), z: uint32(w)}
	sums := launch("low_sums", t.Type, [3]int{ceil(c, 32), n, 1}, 0, args).moves(n * h * w * c * t.Type.Size())
	return append([]Launch{sums}, each("add_low", t, n*h*w*c, 2*n*h*w*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: x, b: work, out: out, x: uint32(c / v), y: uint32(h), z: uint32(w), w: math.Float32bits(share)}
	})...)
}
