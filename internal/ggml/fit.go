package ggml

import "math"

// The types of 256 numbers have two kinds of rounding to find: the whole numbers q, and the
// scales of groups, which are whole numbers themselves, times a factor that all groups
// share. ggml searches for the scale of each group among some twenty and rounds that. Here
// the search is for the least squared error, and goes on after the scales are rounded: to
// their neighbours, and to the factors that suit them best. The result is no worse than
// that of ggml's own code; see the test.

// candidates is how many scales are tried for a group, from those with which the numbers
// span one level less than there are to those with one more. Of 17 the errors are less by a
// thousandth.
const candidates = 7

// candidate is how many levels the numbers span with candidate i.
func candidate(levels float32, i int) float32 {
	return levels + float32(float32(i-candidates/2)*(2.0/(candidates-1)))
}

// nearest is the whole number next to x, of at least lowest and at most highest, which are
// between -256 and 256.
func nearest(x float32, lowest, highest int32) int32 {
	switch {
	case x >= float32(highest):
		return highest
	case x > float32(lowest):
		return int32(x+256.5) - 256
	}
	return lowest
}

// sums are those of a group's numbers x and whole numbers q, with which a squared error is
// least.
type sums struct{ n, x, q, xx, xq, qq float64 }

// of returns those of the numbers alone.
func of(x []float32) (s sums) {
	s.n = float64(len(x))
	for _, v := range x {
		s.x += float64(v)
		s.xx += float64(float64(v) * float64(v))
	}
	return s
}

// with returns them with the whole numbers that q·scale−offset is near the numbers.
func (s sums) with(x []float32, inverse, offset float32, lowest, highest int32) sums {
	var sum, squares int32
	for _, v := range x {
		q := nearest(float32((v+offset)*inverse), lowest, highest)
		sum += q
		squares += q * q
		s.xq += float64(v * float32(q))
	}
	s.q, s.qq = float64(sum), float64(squares)
	return s
}

// scale is the s of the least error of x = s·q, and that error.
func (s *sums) scale() (scale, err float64) {
	if s.qq == 0 {
		return 0, s.xx
	}
	scale = s.xq / s.qq
	return scale, s.xx - float64(scale*s.xq)
}

// line are the s and the m, of which none is negative, of the least error of x = s·q − m,
// and that error.
func (s *sums) line() (scale, offset, err float64) {
	det := float64(s.n*s.qq) - float64(s.q*s.q)
	if det > 0 {
		scale = (float64(s.n*s.xq) - float64(s.x*s.q)) / det
		offset = (float64(s.q*s.xq) - float64(s.qq*s.x)) / det
	}
	if det <= 0 || offset < 0 {
		scale, err = s.scale()
		return max(scale, 0), 0, err
	}
	return scale, offset, s.xx + float64(offset*s.x) - float64(scale*s.xq)
}

// fitScale returns the s with which s·q is near the numbers, of q from lowest to -lowest-1,
// as far as s is not rounded.
func fitScale(x []float32, lowest int32) float32 {
	most := x[largest(x)]
	if inverse(most) == 0 {
		return 0
	}
	best, least, all := 0.0, math.Inf(1), of(x)
	try := func(inverse float32) {
		s := all.with(x, inverse, 0, lowest, -lowest-1)
		if scale, err := s.scale(); err < least {
			best, least = scale, err
		}
	}
	for i := range candidates {
		try(-candidate(float32(-lowest), i) / most)
	}
	try(inverse(float32(best))) // rounds again with the scale that suits best
	return float32(best)
}

// fitLine returns the s and the m with which s·q − m is near the numbers, of q from 0 to
// highest, as far as they are not rounded.
func fitLine(x []float32, highest int32) (scale, offset float32) {
	low, high := extent(x)
	low = min(low, 0)
	if inverse(high-low) == 0 {
		return 0, -low
	}
	bestScale, bestOffset, least, all := 0.0, 0.0, math.Inf(1), of(x)
	try := func(inverse, offset float32) {
		s := all.with(x, inverse, offset, 0, highest)
		if scale, offset, err := s.line(); err < least {
			bestScale, bestOffset, least = scale, offset, err
		}
	}
	for i := range candidates {
		try(candidate(float32(highest), i)/(high-low), -low)
	}
	try(inverse(float32(bestScale)), float32(bestOffset)) // rounds again with what suits best
	return float32(bestScale), float32(bestOffset)
}
