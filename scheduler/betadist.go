package scheduler

import "gonum.org/v1/gonum/mathext"

// betaQuantile is the p-quantile of the Beta(shape, shape) distribution, which is
// symmetric: the upper half is taken from the lower, and the middle is a half.
func betaQuantile(p, shape float64) float64 {
	switch {
	case p == 0.5:
		return 0.5
	case p > 0.5:
		return 1 - betaQuantile(1-p, shape)
	}
	return mathext.InvRegIncBeta(shape, shape, max(p, 0))
}
