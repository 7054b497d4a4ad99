package scheduler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// assertClose compares by the error relative to the largest wanted value of the list,
// as the reference's float32 arithmetic rounds by that: a timestep near zero, for one, is
// interpolated between logarithms that are not small.
func assertClose(t *testing.T, what string, want, have []float64, tolerance float64) {
	t.Helper()
	assertWithin(t, what, want, have, func(int) float64 { return tolerance * largest(want) })
}

// assertEachClose compares by the error relative to each wanted value.
func assertEachClose(t *testing.T, what string, want, have []float64, tolerance float64) {
	t.Helper()
	assertWithin(t, what, want, have, func(i int) float64 { return tolerance * math.Abs(want[i]) })
}

func assertWithin(t *testing.T, what string, want, have []float64, limit func(i int) float64) {
	t.Helper()
	if !assert.Len(t, have, len(want), what) {
		return
	}
	for i, w := range want {
		if have[i] != w && !(math.Abs(have[i]-w) <= limit(i)) {
			assert.Fail(t, "not close", "%s: entry %d: have %g, want %g within %g", what, i, have[i], w, limit(i))
			return
		}
	}
}

// largest is the largest finite size of the values.
func largest(values []float64) float64 {
	most := 0.0
	for _, v := range values {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			most = math.Max(most, math.Abs(v))
		}
	}
	return most
}
