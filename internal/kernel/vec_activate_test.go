package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// activationBound is the error that the activations may have, relative to the
// result: e^x, 1+e^x and the quotient round once each.
const activationBound = 3e-7

// vanishing is what results are below where their exponential overflows.
const vanishing = 3e-37

func TestActivationAccuracy(t *testing.T) {
	tests := []struct {
		name string
		act  Activation
		from float32 // where e^-x overflows: below, the result is nearly 0
		// least is the size of results below which only the absolute error
		// counts: the denormals, and GELU's far tail, a product of five
		// rounded factors.
		least float64
		of    func(x float64) float64
	}{
		{"silu", SiLU, -88.7, 0x1p-126, func(x float64) float64 { return x / (1 + math.Exp(-x)) }},
		{"gelu", GELU, -13, 1e-6, func(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 }},
		// The argument of the exponential is a float32.
		{"quickgelu", QuickGELU, -52.1, 0x1p-126, func(x float64) float64 {
			return x / (1 + math.Exp(float64(float32(-1.702)*float32(x))))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			worst, at := 0.0, float32(0)
			check := func(x float32) {
				if x != x || math.IsInf(float64(x), 0) {
					return
				}
				y := []float32{x}
				activateGeneric(y, y, tt.act)
				want := tt.of(float64(x))
				if x < tt.from {
					require.InDelta(t, 0, y[0], vanishing)
					require.InDelta(t, 0, want, vanishing)
					return
				}
				if err := math.Abs(float64(y[0])-want) / max(math.Abs(want), tt.least); err > worst {
					worst, at = err, x
				}
			}
			everyFloat32(100003, check)
			for x := float32(-15); x < 15; x += 0x1p-12 {
				check(x)
			}
			assert.Less(t, worst, activationBound, "at %v", at)
		})
	}
}

func TestActivationSpecial(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, act := range []Activation{SiLU, GELU, QuickGELU, ReLU} {
		y := make([]float32, 6)
		activateGeneric(y, []float32{0, inf, nan, 100, -300, 1e38}, act)
		assert.Equal(t, float32(0), y[0])
		assert.Equal(t, inf, y[1])
		assert.True(t, y[2] != y[2])
		assert.Equal(t, float32(100), y[3])
		assert.Zero(t, y[4])
		assert.Equal(t, float32(1e38), y[5])
	}
	y := []float32{-inf}
	activateGeneric(y, y, GELU)
	assert.Zero(t, y[0])
}

func TestApply(t *testing.T) {
	x := []float32{-1, 0, 2}
	out := make([]float32, 3)
	Serial(Apply(out, x, None))
	assert.Equal(t, x, out)
	Serial(Apply(x, x, SiLU))
	assert.Equal(t, []float32{silu32(-1), 0, silu32(2)}, x)
	assert.PanicsWithValue(t, "kernel: apply: short out", func() { Apply(out[:2], x, None) })
}

func TestGEGLU(t *testing.T) {
	x := []float32{
		3, -2, 0, 100,
		5, 7, -100, 1,
	}
	out := make([]float32, 4)
	Serial(GEGLU(out, x, 2, 2))
	require.Equal(t, []float32{0, -200, 0, 7 * gelu32(1)}, out)
}

// What is rounded to bfloat16 has an error of 2⁻⁹ of its size: that of the near GELU is a
// hundredth of what this makes of its argument.
func TestNearGELU(t *testing.T) {
	const bound = 1.4e-5 // relative to the argument
	worst, at := 0.0, float32(0)
	check := func(x float32) {
		if x != x || math.IsInf(float64(x), 0) || x < -1e30 {
			return
		}
		want := float64(x) * math.Erfc(-float64(x)/math.Sqrt2) / 2
		if err := math.Abs(float64(nearGELU32(x))-want) / max(math.Abs(float64(x)), 0x1p-126); err > worst {
			worst, at = err, x
		}
	}
	everyFloat32(100003, check)
	for x := float32(-15); x < 15; x += 0x1p-12 {
		check(x)
	}
	assert.Less(t, worst, bound, "at %v", at)
	assert.Greater(t, worst, bound/2, "the bound is loose")

	for _, x := range []float32{-5, -300, float32(math.Inf(-1))} {
		assert.InDelta(t, 0, nearGELU32(x), 1e-5) // it stays, wherever the argument goes
	}
	assert.Equal(t, float32(math.Inf(1)), nearGELU32(float32(math.Inf(1))))
	assert.InEpsilon(t, 100, nearGELU32(100), bound)
	nan := nearGELU32(float32(math.NaN()))
	assert.True(t, nan != nan)
}
