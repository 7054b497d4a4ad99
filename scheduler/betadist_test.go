package scheduler

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBetaQuantile(t *testing.T) {
	// the arcsine distribution: I_x(½, ½) = (2/π)·asin √x
	for _, p := range []float64{0, 1e-6, 0.01, 0.25, 0.5, 0.75, 0.99, 1} {
		s := math.Sin(p * math.Pi / 2)
		assert.InDelta(t, s*s, betaQuantile(p, 0.5), 1e-14)
	}
	// I_x(2, 2) = 3x² − 2x³
	for _, x := range []float64{1e-4, 0.1, 0.5, 0.9} {
		assert.InDelta(t, x, betaQuantile(3*x*x-2*x*x*x, 2), 1e-12)
	}
}
