package kernel

import "math"

// Normalize is [GroupNorm] with γ = 1 and β = 0.
func Normalize(out, x []float32, s NormShape, eps float64) Phase {
	need("normalize", "out", out, s.N*s.Pixels*s.C)
	need("normalize", "x", x, s.N*s.Pixels*s.C)
	return s.eachGroup(func(g normGroup) {
		mean, scale := g.statistics(x, eps)
		g.each(func(i int) { out[i] = float32((float64(x[i]) - mean) * scale) })
	})
}

// NormDerivative is the derivative of [Normalize] by x, for the derivative d by its
// output. With y the normalised x and means over a group,
//
//	out = (d − mean(d) − y·mean(d·y))/√(variance + ε)
//
// out may be d.
func NormDerivative(out, x, d []float32, s NormShape, eps float64) Phase {
	need("norm derivative", "out", out, s.N*s.Pixels*s.C)
	need("norm derivative", "x", x, s.N*s.Pixels*s.C)
	need("norm derivative", "d", d, s.N*s.Pixels*s.C)
	return s.eachGroup(func(g normGroup) {
		mean, scale := g.statistics(x, eps)
		var sum, product float64
		g.each(func(i int) {
			sum += float64(d[i])
			product += float64(d[i]) * (float64(x[i]) - mean) * scale
		})
		sum /= float64(g.size())
		product /= float64(g.size())
		g.each(func(i int) {
			y := (float64(x[i]) - mean) * scale
			out[i] = float32((float64(d[i]) - sum - y*product) * scale)
		})
	})
}

// normGroup is one group of one sample: width channels of each pixel, from first on.
type normGroup struct{ first, pixels, stride, width int }

func (g normGroup) size() int { return g.pixels * g.width }

// each calls f with the index of every number of the group.
func (g normGroup) each(f func(i int)) {
	for p := range g.pixels {
		at := g.first + p*g.stride
		for i := at; i < at+g.width; i++ {
			f(i)
		}
	}
}

// statistics returns the group's mean and 1/√(variance + ε).
func (g normGroup) statistics(x []float32, eps float64) (mean, scale float64) {
	g.each(func(i int) { mean += float64(x[i]) })
	mean /= float64(g.size())
	var variance float64
	g.each(func(i int) {
		v := float64(x[i]) - mean
		variance += v * v
	})
	return mean, 1 / math.Sqrt(variance/float64(g.size())+eps)
}

// eachGroup is a phase that goes through the groups of all samples.
func (s NormShape) eachGroup(do func(normGroup)) Phase {
	width := s.C / s.Groups
	return splitRows(s.N*s.Groups, s.Pixels*width, func(from, to int) {
		for i := from; i < to; i++ {
			do(normGroup{i/s.Groups*s.Pixels*s.C + i%s.Groups*width, s.Pixels, s.C, width})
		}
	})
}
