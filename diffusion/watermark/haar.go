package watermark

import "math"

// haar is the Haar transform of a channel over 2×2 pixels, as PyWavelets computes it: along
// columns, then along rows. Each part is [h w].
type haar struct {
	h, w           int
	aa, da, ad, dd []float64 // means and differences, the first letter along columns
}

const c = math.Sqrt2 / 2

// transform takes what there is of a channel in whole 4×4 pixels.
func transform(p plane) *haar {
	h, w := p.h/4*2, p.w/4*2
	f := &haar{h: h, w: w}
	for _, part := range []*[]float64{&f.aa, &f.da, &f.ad, &f.dd} {
		*part = make([]float64, h*w)
	}
	for y := range h {
		top, bottom := p.pix[2*y*p.w:], p.pix[(2*y+1)*p.w:]
		for x := range w {
			i := y*w + x
			a0, d0 := split(float64(top[2*x]), float64(bottom[2*x]))
			a1, d1 := split(float64(top[2*x+1]), float64(bottom[2*x+1]))
			f.aa[i], f.ad[i] = split(a0, a1)
			f.da[i], f.dd[i] = split(d0, d1)
		}
	}
	return f
}

// split returns the mean and the difference of two numbers, each times √2.
func split(first, second float64) (mean, difference float64) {
	return float64(c*second) + float64(c*first), float64(-c*second) + float64(c*first)
}

// join is the way back.
func join(mean, difference float64) (first, second float64) {
	return float64(c*mean) + float64(c*difference), float64(c*mean) + float64(-c*difference)
}

// inverse puts the pixels back. As in the reference, the differences along rows and those along
// columns have changed places.
func (f *haar) inverse(p plane) {
	for y := range f.h {
		top, bottom := p.pix[2*y*p.w:], p.pix[(2*y+1)*p.w:]
		for x := range f.w {
			i := y*f.w + x
			a0, a1 := join(f.aa[i], f.da[i])
			d0, d1 := join(f.ad[i], f.dd[i])
			t0, b0 := join(a0, d0)
			t1, b1 := join(a1, d1)
			top[2*x], bottom[2*x], top[2*x+1], bottom[2*x+1] = truncate(t0), truncate(b0), truncate(t1), truncate(b1)
		}
	}
}

// truncate is a conversion to 8 bits towards zero.
func truncate(x float64) uint8 { return uint8(max(0, min(255, x))) }

// each calls change for each 4×4 means, row by row of blocks, and takes what it changed.
func (f *haar) each(change func(i int, block []float64)) {
	const n = side / 2
	block := make([]float64, n*n)
	i := 0
	for y := 0; y+n <= f.h; y += n {
		for x := 0; x+n <= f.w; x += n {
			for j := range n {
				copy(block[n*j:n*j+n], f.aa[(y+j)*f.w+x:])
			}
			change(i, block)
			for j := range n {
				copy(f.aa[(y+j)*f.w+x:][:n], block[n*j:n*j+n])
			}
			i++
		}
	}
}
