package sampler_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// Inversion leads to the x that sampling started from, the nearer the more steps.
func TestDDIMInverse(t *testing.T) {
	for s, order := range map[sampler.DDIMInverse]float64{{}: 1, {Ahead: true}: 2} { // ahead undoes Euler's steps in kind
		var errors [2]float64
		for k, steps := range []int{100, 200} {
			sigmas := append(logLevels(10, 0.01, steps), 0)
			x := []float32{5, -3}
			require.NoError(t, sampler.Euler{}.Sample(context.Background(), gaussian, x, sigmas, nil))
			slices.Reverse(sigmas)
			require.NoError(t, s.Sample(context.Background(), gaussian, x, sigmas, nil))
			errors[k] = math.Abs(float64(x[0])/5 - 1)
		}
		assert.Less(t, errors[0], 0.1)
		assert.InDelta(t, order, math.Log2(errors[0]/errors[1]), 0.3, "%+v: %v", s, errors)
	}
	for _, bad := range [][]float64{{1}, {2, 1}, {1, 1}, {-1, 1}, {0, math.Inf(1)}} {
		assert.Error(t, sampler.DDIMInverse{}.Sample(context.Background(), gaussian, []float32{1}, bad, nil))
	}
}

// DPM-Solver++ backwards and then forwards comes back with an error of its order.
func TestDPMSolverInverse(t *testing.T) {
	for order := 1; order <= 2; order++ {
		var errors [2]float64
		for k, steps := range []int{50, 100} {
			sigmas := logLevels(10, 0.05, steps)
			x := []float32{5, -3}
			require.NoError(t, sampler.DPMSolver{Order: order}.Sample(context.Background(), gaussian, x, sigmas, nil))
			slices.Reverse(sigmas)
			require.NoError(t, sampler.DPMSolver{Order: order, Inverse: true}.Sample(context.Background(), gaussian, x, sigmas, nil))
			errors[k] = math.Abs(float64(x[0])/5 - 1)
		}
		assert.InDelta(t, order, math.Log2(errors[0]/errors[1]), 0.3, "order %d: %v", order, errors)
	}
	for _, bad := range [][]float64{{1}, {2, 1}, {1, 1}, {-1, 1}, {0, 1}, {1, math.Inf(1)}} {
		assert.Error(t, sampler.DPMSolver{Inverse: true}.Sample(context.Background(), gaussian, []float32{1}, bad, nil))
	}
	assert.ErrorContains(t, sampler.DPMSolver{Inverse: true, SDE: true}.Sample(context.Background(), gaussian, []float32{1}, []float64{1, 2}, silence), "have SDE true")
}

// DPM-Solver++ backwards is diffusers' DPMSolverMultistepInverseScheduler: five steps
// of Stable Diffusion's levels, with latents of unit variance at both ends.
func TestDPMSolverInverseReference(t *testing.T) {
	sigmas := []float64{0.0291675348, 0.57166636, 1.16439164, 2.27646399, 5.08776522, 14.6146469}
	x, want := []float32{1.3, -0.4, 0.7}, []float64{0.168266671, -0.0535894336, 0.0930470115}
	unit := func(sigma float64) float64 { return 1 / math.Sqrt(1+sigma*sigma) }
	for i := range x {
		x[i] /= float32(unit(sigmas[0]))
	}
	model := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		denoised := make([]float32, len(x))
		for i, v := range x {
			input := float64(v) * unit(sigma)
			denoised[i] = float32(float64(v) - sigma*(input*0.3*math.Cos(math.Log(sigma))+0.1*math.Sin(input)))
		}
		return sampler.Estimate{Denoised: denoised}, nil
	}
	require.NoError(t, sampler.DPMSolver{Inverse: true, LowerOrderFinal: true}.Sample(context.Background(), model, x, sigmas, nil))
	for i := range x {
		assert.InDelta(t, want[i], float64(x[i])*unit(sigmas[len(sigmas)-1]), 1e-5)
	}
}
