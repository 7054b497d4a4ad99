package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyFloat32 calls visit for one float32 in so many, over all bit patterns.
func everyFloat32(every uint32, visit func(x float32)) {
	for bits := uint64(0); bits <= math.MaxUint32; bits += uint64(every) {
		visit(math.Float32frombits(uint32(bits)))
	}
}

// ulp is the distance of float32s about x; at least that of the denormals.
func ulp(x float64) float64 {
	_, exp := math.Frexp(x)
	return math.Ldexp(1, max(exp-24, -149))
}

func TestExpAccuracy(t *testing.T) {
	worst, at := 0.0, float32(0)
	check := func(x float32) {
		if x != x || x > 88.72 || x < -110 {
			return
		}
		want := math.Exp(float64(x))
		if err := math.Abs(float64(exp32(x))-want) / ulp(want); err > worst {
			worst, at = err, x
		}
	}
	everyFloat32(20011, check)
	for x := float32(-104.5); x < 88.72; x += 0x1.9p-10 {
		check(x)
	}
	assert.Less(t, worst, 1.0, "units in the last place, at %v", at)
}

func TestExpSpecial(t *testing.T) {
	inf := float32(math.Inf(1))
	tests := []struct{ x, want float32 }{
		{0, 1},
		{float32(math.Copysign(0, -1)), 1},
		{1, math.E},
		{0x1p-149, 1},
		{-inf, 0},
		{-math.MaxFloat32, 0},
		{-104, 0},
		{-103.97, 0x1p-149},
		{88.73, inf},
		{math.MaxFloat32, inf},
		{inf, inf},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, exp32(tt.x), "exp(%v)", tt.x)
	}
	got := exp32(float32(math.NaN()))
	require.True(t, got != got)
}
