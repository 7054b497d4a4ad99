package sampler_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// Dynamic thresholding looks at each latent of the batch alone.
func TestLimit(t *testing.T) {
	x := []float32{1, -2, 3, 10, 0.1, 0.2, 0.3, 0.4}
	same := func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: x}, nil
	}
	denoise := sampler.Limited(same, sampler.Limit{Quantile: 0.5, MaxValue: 4, Batch: 2})
	have, err := denoise(context.Background(), x, 1)
	require.NoError(t, err)
	// the first latent's median is 2.5; the second's is below 1, which leaves it
	assert.InDeltaSlice(t, []float32{0.4, -0.8, 1, 1, 0.1, 0.2, 0.3, 0.4}, have.Denoised, 1e-6)

	denoise = sampler.Limited(same, sampler.Limit{Clip: 2})
	have, err = denoise(context.Background(), x, 1)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, -2, 2, 2, 0.1, 0.2, 0.3, 0.4}, have.Denoised)
}
