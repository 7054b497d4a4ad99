package scheduler

import "math"

// betaQuantile is the p-quantile of the Beta(a, b) distribution.
func betaQuantile(p, a, b float64) float64 {
	if p <= 0 {
		return 0
	}
	if p >= 1 {
		return 1
	}
	if p > 0.5 { // keep the result's relative accuracy near both ends
		return 1 - lowerBetaQuantile(1-p, b, a)
	}
	return lowerBetaQuantile(p, a, b)
}

// lowerBetaQuantile bisects log x, as the quantile may be tiny, until the interval
// is a rounding error wide.
func lowerBetaQuantile(p, a, b float64) float64 {
	low, high := math.Log(math.SmallestNonzeroFloat64), 0.0
	for range 200 {
		mid := (low + high) / 2
		if mid == low || mid == high {
			break
		}
		if betaCDF(math.Exp(mid), a, b) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return math.Exp((low + high) / 2)
}

// betaCDF is the regularised incomplete beta function I_x(a, b), by its continued
// fraction (Press et al., Numerical Recipes, section 6.4), evaluated by Lentz's
// method on the side where it converges fast.
func betaCDF(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaCDF(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))

	const tiny = 1e-300
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 500; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/guard(1+even*d), guard(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/guard(1+odd*d), guard(1+odd/c)
		f *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return front * f / a
}
