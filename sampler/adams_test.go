package sampler

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A step with n estimates is exact where the estimate is a polynomial in λ of
// degree below n, which gives the method its order n.
func TestAdamsIntegratesPolynomials(t *testing.T) {
	lambda := func(sigma float64) float64 { return -math.Log(sigma) }
	sigmas := []float64{9, 5.5, 4, 2.2, 1.9, 0.4}
	for n := 1; n <= 4; n++ {
		for _, tau := range []float64{0, 0.4, 1, 1.6} {
			for _, epsilon := range []bool{false, true} {
				for _, corrector := range []bool{false, true} {
					t.Run(fmt.Sprint(n, tau, epsilon, corrector), func(t *testing.T) {
						at := 4
						if corrector {
							at = 5
						}
						levels := back(sigmas, at, n)
						_, c, _ := SASolver{Epsilon: epsilon}.adams(sigmas[4], sigmas[5], levels, tau)
						for power := range n {
							p := func(l float64) float64 { return math.Pow(l+1, float64(power)) }
							have := 0.0
							for k, level := range levels {
								have += c[k] * p(lambda(level))
							}
							rate, factor := 1+tau*tau, 1+tau*tau
							if epsilon {
								rate, factor = -1, -factor*sigmas[5]
							}
							end := lambda(sigmas[5])
							want := factor * simpson(lambda(sigmas[4]), end, func(l float64) float64 { return math.Exp(rate*(l-end)) * p(l) })
							assert.InDelta(t, want, have, 1e-9*(1+math.Abs(want)))
						}
					})
				}
			}
		}
	}
}

func TestExponentialMoments(t *testing.T) {
	for _, z := range []float64{-9, -1.01, -0.99, -1e-3, 1e-9, 0.2, 0.999, 1.001, 3, 40} {
		for k, have := range exponentialMoments(z, 4) {
			want := simpson(-1, 0, func(v float64) float64 { return math.Exp(z*v) * math.Pow(v, float64(k)) })
			assert.InEpsilon(t, want, have, 1e-9, "z %g, moment %d", z, k)
		}
	}
}

// simpson integrates f by Simpson's rule.
func simpson(from, to float64, f func(float64) float64) float64 {
	const n = 20_000
	h := (to - from) / n
	sum := f(from) + f(to)
	for i := 1; i < n; i++ {
		sum += f(from+float64(i)*h) * float64(2+2*(i%2))
	}
	return sum * h / 3
}
