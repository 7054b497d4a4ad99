package sampler

import "math"

// exponentialMoments returns ∫ e^{zv}·v^k dv over [−1, 0] for k = 0 to n−1.
func exponentialMoments(z float64, n int) []float64 {
	m := make([]float64, n)
	if math.Abs(z) < 1 { // where integration by parts cancels: the series in z
		for k := range m {
			term := 1.0
			if k%2 == 1 {
				term = -1
			}
			for j := 0; j < 20; j++ {
				m[k] += term / float64(j+k+1)
				term *= -z / float64(j+1)
			}
		}
		return m
	}
	m[0] = -math.Expm1(-z) / z
	edge := math.Exp(-z) / z
	for k := 1; k < n; k++ {
		edge = -edge
		m[k] = -edge - float64(k)/z*m[k-1]
	}
	return m
}

// phi2 is 1 − (1 − e^{−h})/h, the integral of the linear term.
func phi2(h float64) float64 { return 1 + math.Expm1(-h)/h }
