package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// exp2Bound adds the polynomial's error and the roundings of its last operations, in
// units in the last place of the result.
const exp2Bound = 2.5

func TestExp2Accuracy(t *testing.T) {
	worst, at := 0.0, float32(0)
	check := func(z float32) {
		want := math.Exp2(float64(z))
		if err := math.Abs(float64(exp2(z))-want) / ulp(want); err > worst {
			worst, at = err, z
		}
	}
	everyFloat32(20011, func(z float32) {
		if z >= exp2Min && z <= 0 {
			check(z)
		}
	})
	for z := float32(exp2Min); z <= 0; z += 0x1.9p-10 {
		check(z)
	}
	assert.Less(t, worst, exp2Bound, "units in the last place, at %v", at)
}

func TestExp2Special(t *testing.T) {
	inf := float32(math.Inf(1))
	tests := []struct{ z, want float32 }{
		{0, 1},
		{float32(math.Copysign(0, -1)), 1},
		{-1, 0.5},
		{-126, 0x1p-126},
		{-126.00001, 0},
		{-math.MaxFloat32, 0},
		{-inf, 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, exp2(tt.z), "2^%v", tt.z)
	}
	got := exp2(float32(math.NaN()))
	assert.True(t, got != got)
}
