package diffusion

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// Outside the guidance interval the picture is steered by the prompt alone, and
// a wrapper sees every call.
func TestGuidanceInterval(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	var seen []float64
	o := quick(4)
	o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
		return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			seen = append(seen, sigma)
			return next(ctx, x, sigma)
		}
	}
	always, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	require.Len(t, seen, 3)
	o.GuidanceInterval = Interval{Low: seen[2], High: seen[0]}
	same, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, always.Images, same.Images)
	o.GuidanceInterval = Interval{Low: 1000}
	never, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	o.GuidanceInterval, o.Guidance = Interval{}, 1
	off, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, off.Images, never.Images)
	assert.NotEqual(t, always.Images, never.Images)
	o.GuidanceInterval = Interval{Low: 3, High: 2}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "guidance interval: have 3 to 2")
}
