package sampler_test

import (
	"context"
	"iter"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

func indices(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// gaussian is the ideal denoiser for data drawn from N(0, 1). To a sampler of CFG++
// it gives half of the estimate as the unconditional one.
func gaussian(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
	denoised := make([]float32, len(x))
	for i, v := range x {
		denoised[i] = float32(float64(v) / (1 + sigma*sigma))
	}
	unguided := make([]float32, len(x))
	for i, v := range denoised {
		unguided[i] = v / 2
	}
	return sampler.Estimate{Denoised: denoised, Uncond: unguided}, nil
}

// logLevels are steps+1 levels evenly spaced in log σ.
func logLevels(high, low float64, steps int) []float64 {
	sigmas := make([]float64, steps+1)
	for i := range sigmas {
		sigmas[i] = high * math.Pow(low/high, float64(i)/float64(steps))
	}
	return sigmas
}

// For data drawn from N(0, 1) the ODE has the closed solution x(σ) ∝ √(1+σ²), so
// a sampler's error is known exactly.
func gaussianError(t *testing.T, s sampler.Sampler, steps int) float64 {
	t.Helper()
	sigmas := logLevels(40, 0.1, steps)
	norm := func(sigma float64) float64 { return math.Sqrt(1 + sigma*sigma) }
	switch s.(type) {
	case sampler.PLMS:
		sigmas = slices.Insert(sigmas, 1, sigmas[1])
	case sampler.PNDM: // the first three steps in four calls each
		var first []float64
		for i := range 3 {
			middle := math.Sqrt(sigmas[i] * sigmas[i+1])
			first = append(first, sigmas[i], middle, middle, sigmas[i+1])
		}
		sigmas = append(first, sigmas[3:]...)
	}
	x := []float32{float32(norm(sigmas[0]))}
	start := float64(x[0]) / norm(sigmas[0])
	require.NoError(t, s.Sample(context.Background(), gaussian, x, sigmas, func(dst []float32) { clear(dst) }))
	return math.Abs(float64(x[0])/norm(sigmas[len(sigmas)-1])/start - 1)
}
