package sampler_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// RePaint calls the model as often as its comment says, and its jumps are those of
// the reference: 7 levels by jumps of 3, at each of which it goes back once.
func TestRePaintJumps(t *testing.T) {
	var seen []float64
	denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		seen = append(seen, sigma)
		return gaussian(ctx, x, sigma)
	}
	require.NoError(t, sampler.RePaint{Jump: 3, Resamples: 2}.Sample(context.Background(), denoise, []float32{1}, []float64{7, 6, 5, 4, 3, 2, 1, 0}, silence))
	assert.Equal(t, []float64{7, 6, 5, 4, 6, 5, 4, 3, 2, 1, 3, 2, 1}, seen)

	seen = nil
	require.NoError(t, sampler.RePaint{}.Sample(context.Background(), denoise, []float32{1}, logLevels(10, 0.1, 25), silence))
	assert.Len(t, seen, 205)
}
